import {
  draining,
  type Listener,
  type Partition,
  type PartitionName,
  type Session,
  type Usages,
} from "../core/index.ts";
import { mayAddress, type Subject } from "../identity/verify.ts";
import type { Revocation } from "../platform/rpc.ts";
import { allows, type Author, bounds, type Failure } from "../protocol/index.ts";
import { authorOfSubject, type Roles } from "./author.ts";
import { ConnectionIndex } from "./connection-index.ts";
import type { TenantLink } from "./tenant-link.ts";

/** The permission to read a partition: its log, its state, and connections to it. */
export const readPermission = "read";
/** The refusal of a token that is not valid for this partition: the same whether the partition exists or not. */
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

/** When a client retries that was refused as `too_many_connections`, in seconds. */
const retryAfterSeconds = 10;

interface AdmissionHost {
  readonly name: PartitionName;
  readonly partition: Partition;
  /** Undefined in open development mode. */
  readonly link: TenantLink | undefined;
  readonly roles: Roles;
  now(): number;
  verify(token: string, now: number): Promise<Subject | Failure>;
}

/** Decides which connections and requests are accepted. It waits for the tenant and the verifier, because the core waits for nothing. */
export class Admission {
  readonly #host: AdmissionHost;
  readonly #connections = new ConnectionIndex();
  /** The time of a drain that began in this lifetime of the object, in milliseconds since 1970: nothing new is accepted then. */
  #closed: Drain | undefined;

  constructor(host: AdmissionHost) {
    this.#host = host;
  }

  /** Accepts nothing new in this time, in milliseconds since 1970. */
  close(drain: Drain): void {
    this.#closed = drain;
  }

  /** How many connections there are, and how many there can be. */
  get usage(): Usages[string] {
    return { used: this.#connections.total, max: this.#host.partition.limits.connectionsPerPartition };
  }

  /** Counts a connection. */
  add(listener: Listener): void {
    const before = this.#connections.total;
    this.#connections.add(listener);
    if (listener.author && isVerified(listener.author)) this.#host.link?.attached(listener.author);
    this.#host.partition.warnings.note("connections", before, this.usage);
  }

  /** Stops counting a connection that has ended. */
  remove(listener: Listener): void {
    this.#connections.remove(listener);
  }

  /** The connections that one of these revocations can concern. */
  concernedBy(revocations: readonly Revocation[]): Iterable<Listener> {
    return this.#connections.concernedBy(revocations);
  }

  /** Returns why a connection of this author is refused, or undefined. Call `capacityFailure` after it. */
  async admit(author: Author | undefined): Promise<Failure | undefined> {
    return author && isVerified(author) ? await this.#host.link?.admit(author) : undefined;
  }

  /**
   * Returns why there is no capacity for a new connection, or undefined. Call it in the step that adds the
   * connection: several may have waited for the same answer of `admit`. `awaitsToken`: `connect` sends the token.
   */
  capacityFailure(author: Author | undefined, awaitsToken: boolean): Failure | undefined {
    // Only open development mode accepts a connection without an author.
    if (this.#host.link && !author && !awaitsToken) return noToken;
    return this.#drainFailure() ?? this.#partitionFull(awaitsToken) ?? (author && this.#principalFull(author));
  }

  /** Returns why a request of this author is refused, whatever it asks for, or undefined. */
  async admitRequest(author: Author): Promise<Failure | undefined> {
    return isVerified(author) ? await this.#host.link?.admitRequest(author) : undefined;
  }

  /**
   * Returns why a new draft of this author is refused, or undefined. Before the first write, the tenant must count the
   * partition. Not for what was decided before: it is answered again.
   */
  async admitDraft(author: Author): Promise<Failure | undefined> {
    if (author.system) return await this.admitUncounted();
    return isVerified(author) ? await this.#admitWrite(author.principal) : this.#drainFailure();
  }

  /** The same for drafts of effects and imports: no principal is charged for the partitions that they begin. */
  admitUncounted(): Promise<Failure | undefined> {
    return this.#admitWrite(undefined);
  }

  async #admitWrite(principal: string | undefined): Promise<Failure | undefined> {
    const { link } = this.#host;
    if (!link?.mustClaim) return this.#drainFailure();
    // No limits are stored before the first write, and effects come without a token, for which the tenant would be asked.
    await link.refresh();
    return (await link.claim(principal)) ?? this.#drainFailure();
  }

  /** Returns the author of a token that was received in a frame, or why it is refused. */
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
    const failure =
      (await link?.admit(author)) ?? (state.awaitsToken ? this.#principalFull(author, session) : undefined);
    if (failure) return failure;
    this.#connections.authenticated(session, author);
    return author;
  }

  #drainFailure(): Failure | undefined {
    const now = this.#host.now();
    let drain = this.#closed;
    try {
      drain ??= keptDrain(this.#host.partition.drainedUntil(now));
    } catch (error) {
      // Where the storage cannot be read it may say that there is a drain.
      return this.#host.partition.failureOf(error, now);
    }
    const { since, until } = drain;
    // A clock that was set back must not prolong the drain.
    const seconds = now < since ? 0 : Math.ceil((until - now) / 1_000);
    return seconds > 0 ? { ...draining, retryAfter: seconds } : undefined;
  }

  /** Returns why the partition has no capacity for another connection, or undefined. */
  #partitionFull(awaitsToken: boolean): Failure | undefined {
    const { connectionsPerPartition } = this.#host.partition.limits;
    if (connectionsPerPartition !== null && this.#connections.total >= connectionsPerPartition) {
      return tooMany(connectionsPerPartition, "connections to this partition");
    }
    if (awaitsToken && this.#connections.unauthenticated >= bounds.unauthenticatedMax) {
      return tooMany(bounds.unauthenticatedMax, "connections here that have not brought their token");
    }
    return undefined;
  }

  /** Returns why this author may not have another connection, or undefined. `except`: a connection that is counted already. */
  #principalFull({ principal }: Author, except?: Session): Failure | undefined {
    const { connectionsPerPrincipal } = this.#host.partition.limits;
    if (connectionsPerPrincipal === null || this.#connections.of(principal, except) < connectionsPerPrincipal)
      return undefined;
    return tooMany(connectionsPerPrincipal, "connections of yours here");
  }
}

/** When nothing new is accepted, in milliseconds since 1970. */
interface Drain {
  readonly since: number;
  readonly until: number;
}

/**
 * A drain that began before the object slept or restarted. When it began is not stored: as long ago as can be, so that
 * a clock that was set back does not prolong it further.
 */
export function keptDrain(until = 0): Drain {
  return { since: until - bounds.drainMsMax, until };
}

/** Whether a token says who it is; it has an expiry. */
function isVerified({ expiresAt }: Author): boolean {
  return expiresAt !== undefined;
}

function tooMany(most: number, what: string): Failure {
  return {
    code: "too_many_connections",
    detail: `There can be at most ${most} ${what}.`,
    retryAfter: retryAfterSeconds,
  };
}
