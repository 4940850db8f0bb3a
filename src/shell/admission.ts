import { draining, type Partition, type PartitionName, type Session } from "../core/index.ts";
import type { IdentitySettings } from "../identity/settings.ts";
import { verifierOf } from "../identity/verifier-of.ts";
import { mayAddress } from "../identity/verify.ts";
import { type Failure, bounds, allows, type Author } from "../protocol/index.ts";
import { authorOfSubject, type Roles } from "./author.ts";
import type { TenantLink } from "./tenant-link.ts";

/** What reading a partition needs: its log, its state, and to be connected to it. */
export const readPermission = "read";
/** Why a token is not taken here; the same whether there is a partition of that name or not. */
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

const nobody: Failure = { code: "unauthenticated", detail: "This connection came without a token." };

/** When to come back where all places are taken, in seconds. */
const crowdedSeconds = 10;

interface DoorHost {
  readonly name: PartitionName;
  readonly partition: Partition;
  readonly link: TenantLink | undefined;
  readonly settings: IdentitySettings;
  readonly roles: Roles;
  /** Lets work go on when what began it is over. */
  keep(work: Promise<unknown>): void;
}

/** Who gets in: what has to be asked of others before the core is, because the core asks nobody. */
export class Door {
  readonly #host: DoorHost;
  /** Until then nothing new is taken, in milliseconds since 1970. */
  #closedUntil = 0;
  /** Whose token a connection has brought: it has its place from then on, and its turn perhaps later. */
  readonly #brought = new WeakMap<Session, string>();

  constructor(host: DoorHost) {
    this.#host = host;
  }

  /** Nothing new is taken until then. */
  close(until: number): void {
    this.#closedUntil = until;
  }

  /** Why a connection of this author is not taken, or of somebody who has not said who, if so. Then there has to be a place, too: `placeFor`. */
  async admit(author: Author | undefined): Promise<Failure | undefined> {
    const asks = author?.expiresAt !== undefined;
    return asks ? await this.#host.link?.admit(author) : undefined;
  }

  /** Why there is no place for it now, if so. To be asked in the step that adds it: many may have waited for the same answer. */
  placeFor(author: Author | undefined, awaitsToken: boolean): Failure | undefined {
    // Only in open development mode somebody may come without a word of who they are.
    if (this.#host.link && !author && !awaitsToken) return nobody;
    return this.#closed() ?? this.#full(awaitsToken) ?? (author && this.#crowded(author));
  }

  /** Why a request of this author is not taken, if so; one that writes needs the partition to be one of its tenant's. */
  async admitRequest(author: Author, writes: boolean): Promise<Failure | undefined> {
    const { link } = this.#host;
    if (!link || author.expiresAt === undefined) return writes ? this.#closed() : undefined;
    const failure = await link.admitRequest(author);
    if (failure || !writes) return failure;
    return (link.mustClaim ? await link.claim() : undefined) ?? this.#closed();
  }

  /** Whom a token speaks for that came in a frame, or why it is not taken. */
  async authenticate(session: Session, token: string): Promise<Author | Failure> {
    const { state } = session;
    if (!state.awaitsToken && !state.client) {
      return { code: "bad_request", detail: "This connection came with a token: leave connect.payload.token out." };
    }
    const { settings, name, roles, link, keep } = this.#host;
    const verifier = verifierOf(settings, keep);
    if (typeof verifier === "string") return { code: "unauthenticated", detail: verifier };
    const subject = await verifier.verify(token, Date.now());
    if ("code" in subject) return subject;
    const author = authorOfSubject(subject, roles);
    if ("code" in author) return author;
    if (subject.tenant !== name.tenant || !mayAddress(subject, name.partition)) return notForHere;
    if (!allows(author.permissions, readPermission)) return readForbidden;
    const failure = (await link?.admit(author)) ?? (state.awaitsToken ? this.#crowded(author, session) : undefined);
    if (failure) return failure;
    this.#brought.set(session, author.principal);
    return author;
  }

  #closed(): Failure | undefined {
    const seconds = Math.ceil((this.#closedUntil - Date.now()) / 1_000);
    return seconds > 0 ? { ...draining, retryAfter: seconds } : undefined;
  }

  /** Why there is no room for another connection, whoever's, if so. */
  #full(awaitsToken: boolean): Failure | undefined {
    const { connectionsPerPartition } = this.#host.partition.limits;
    const sessions = [...this.#host.partition.sessions];
    if (connectionsPerPartition !== null && sessions.length >= connectionsPerPartition) {
      return tooMany(connectionsPerPartition, "connections to this partition");
    }
    if (awaitsToken && sessions.filter(({ state }) => state.awaitsToken).length >= bounds.strangersMax) {
      return tooMany(bounds.strangersMax, "connections here that have not brought their token");
    }
    return undefined;
  }

  /** Why there is no room for another connection of this author, if so; `but` is that connection, where it is here already. */
  #crowded({ principal }: Author, but?: Session): Failure | undefined {
    const { connectionsPerPrincipal } = this.#host.partition.limits;
    if (connectionsPerPrincipal === null) return undefined;
    const own = [...this.#host.partition.sessions].filter(
      (session) => session !== but && (session.state.author?.principal ?? this.#brought.get(session)) === principal,
    );
    return own.length < connectionsPerPrincipal
      ? undefined
      : tooMany(connectionsPerPrincipal, "connections of yours here");
  }
}

function tooMany(most: number, what: string): Failure {
  return {
    code: "too_many_connections",
    detail: `There can be at most ${most} ${what}.`,
    retryAfter: crowdedSeconds,
  };
}
