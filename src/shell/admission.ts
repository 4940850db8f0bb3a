import { draining, type Listener, type Partition, type PartitionName, type Session } from "../core/index.ts";
import { mayAddress, type Subject } from "../identity/verify.ts";
import type { Revocation } from "../platform/rpc.ts";
import { allows, type Author, bounds, type Failure } from "../protocol/index.ts";
import { authorOfSubject, type Roles } from "./author.ts";
import { Places } from "./places.ts";
import type { TenantLink } from "./tenant-link.ts";

/** What reading a partition needs: its log, its state, and to be connected to it. */
export const readPermission = "read";
/** Why a token is refused here; the same whether a partition of that name exists or not. */
export const notForHere: Failure = {
  code: "forbidden",
  layer: "permission",
  detail: "Your token is not for this partition.",
};
export const readForbidden: Failure = {
  code: "forbidden",
  layer: "permission",
  detail: `This needs the permission "${readPermission}".`,
};

const noToken: Failure = { code: "unauthenticated", detail: "This connection came without a token." };

/** When to come back where all places are taken, in seconds. */
const crowdedSeconds = 10;

interface AdmissionHost {
  readonly name: PartitionName;
  readonly partition: Partition;
  /** Undefined in open development mode. */
  readonly link: TenantLink | undefined;
  readonly roles: Roles;
  now(): number;
  verify(token: string, now: number): Promise<Subject | Failure>;
}

/** Decides who may connect and who may ask: what has to be asked of others is asked here, because the core asks nobody. */
export class Admission {
  readonly #host: AdmissionHost;
  readonly #places = new Places();
  /** Between these times nothing new is accepted, in milliseconds since 1970. */
  #closed = { since: 0, until: 0 };

  constructor(host: AdmissionHost) {
    this.#host = host;
  }

  /** Accepts nothing new for `ms` milliseconds. */
  close(ms: number): void {
    const since = this.#host.now();
    this.#closed = { since, until: since + ms };
  }

  /** Counts a connection. */
  joined(listener: Listener): void {
    this.#places.add(listener);
  }

  left(listener: Listener): void {
    this.#places.remove(listener);
  }

  /** The connections that one of these revocations can concern. */
  concernedBy(revocations: readonly Revocation[]): Iterable<Listener> {
    return this.#places.concernedBy(revocations);
  }

  /** Returns why a connection of this author is refused, or undefined. `placeFor` has to be asked after it. */
  async admit(author: Author | undefined): Promise<Failure | undefined> {
    const asks = author?.expiresAt !== undefined;
    return asks ? await this.#host.link?.admit(author) : undefined;
  }

  /**
   * Returns why there is no place for a new connection, or undefined. To be asked in the step that adds the
   * connection: several may have waited for the same answer of `admit`. `awaitsToken`: `connect` brings the token.
   */
  placeFor(author: Author | undefined, awaitsToken: boolean): Failure | undefined {
    // Only in open development mode a connection may come without an author.
    if (this.#host.link && !author && !awaitsToken) return noToken;
    return this.#drained() ?? this.#full(awaitsToken) ?? (author && this.#crowded(author));
  }

  /** Returns why a request of this author is refused, or undefined. One that writes needs the partition to be counted by its tenant. */
  async admitRequest(author: Author, writes: boolean): Promise<Failure | undefined> {
    const { link } = this.#host;
    if (!link || author.expiresAt === undefined) return writes ? this.#drained() : undefined;
    const failure = await link.admitRequest(author);
    if (failure || !writes) return failure;
    return (link.mustClaim ? await link.claim() : undefined) ?? this.#drained();
  }

  /** Returns the author of a token that came in a frame, or why it is refused. */
  async authenticate(session: Session, token: string): Promise<Author | Failure> {
    const { state } = session;
    if (!state.awaitsToken && !state.client) {
      return { code: "bad_request", detail: "This connection came with a token: leave connect.payload.token out." };
    }
    const { name, roles, link } = this.#host;
    const subject = await this.#host.verify(token, this.#host.now());
    if ("code" in subject) return subject;
    const author = authorOfSubject(subject, roles);
    if ("code" in author) return author;
    if (subject.tenant !== name.tenant || !mayAddress(subject, name.partition)) return notForHere;
    if (!allows(author.permissions, readPermission)) return readForbidden;
    const failure = (await link?.admit(author)) ?? (state.awaitsToken ? this.#crowded(author, session) : undefined);
    if (failure) return failure;
    this.#places.authenticated(session, author);
    return author;
  }

  #drained(): Failure | undefined {
    const { since, until } = this.#closed;
    const now = this.#host.now();
    // A clock that was set back must not keep it closed.
    const seconds = now < since ? 0 : Math.ceil((until - now) / 1_000);
    return seconds > 0 ? { ...draining, retryAfter: seconds } : undefined;
  }

  /** Returns why the partition has no room for another connection of anybody, or undefined. */
  #full(awaitsToken: boolean): Failure | undefined {
    const { connectionsPerPartition } = this.#host.partition.limits;
    if (connectionsPerPartition !== null && this.#places.total >= connectionsPerPartition) {
      return tooMany(connectionsPerPartition, "connections to this partition");
    }
    if (awaitsToken && this.#places.unauthenticated >= bounds.strangersMax) {
      return tooMany(bounds.strangersMax, "connections here that have not brought their token");
    }
    return undefined;
  }

  /** Returns why there is no room for another connection of this author, or undefined. `except`: that connection, where it is counted already. */
  #crowded({ principal }: Author, except?: Session): Failure | undefined {
    const { connectionsPerPrincipal } = this.#host.partition.limits;
    if (connectionsPerPrincipal === null || this.#places.of(principal, except) < connectionsPerPrincipal)
      return undefined;
    return tooMany(connectionsPerPrincipal, "connections of yours here");
  }
}

function tooMany(most: number, what: string): Failure {
  return {
    code: "too_many_connections",
    detail: `There can be at most ${most} ${what}.`,
    retryAfter: crowdedSeconds,
  };
}
