import { waitUntil } from "cloudflare:workers";
import { allows, type Author, draining, type Partition, type PartitionName, type SessionState } from "../core/index.ts";
import type { IdentitySettings } from "../identity/settings.ts";
import { verifierOf } from "../identity/verifier-of.ts";
import { mayAddress } from "../identity/verify.ts";
import { type Failure, limits } from "../protocol/index.ts";
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

/** When to come back where all places are taken, in seconds. */
const crowdedSeconds = 10;

interface DoorHost {
  readonly name: PartitionName;
  readonly partition: Partition;
  readonly link: TenantLink | undefined;
  readonly settings: IdentitySettings;
  readonly roles: Roles;
}

/** Who gets in: what has to be asked of others before the core is, because the core asks nobody. */
export class Door {
  readonly #host: DoorHost;
  /** Until then nothing new is taken, in milliseconds since 1970. */
  #closedUntil = 0;

  constructor(host: DoorHost) {
    this.#host = host;
  }

  /** Nothing new is taken until then. */
  close(until: number): void {
    this.#closedUntil = until;
  }

  /** Why a connection of this author is not taken, or of somebody who has not said who, if so. */
  async admit(author: Author | undefined, awaitsToken: boolean): Promise<Failure | undefined> {
    const asks = author?.expiresAt !== undefined;
    const failure = asks ? await this.#host.link?.admit(author) : undefined;
    return failure ?? this.#closed() ?? this.#crowded(author, awaitsToken);
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
  async authenticate(state: SessionState, token: string): Promise<Author | Failure> {
    if (!state.awaitsToken && !state.client) {
      return { code: "bad_request", detail: "This connection came with a token: leave connect.payload.token out." };
    }
    const { settings, name, roles, link } = this.#host;
    const verifier = verifierOf(settings, waitUntil);
    if (typeof verifier === "string") return { code: "unauthenticated", detail: verifier };
    const subject = await verifier.verify(token, Date.now());
    if ("code" in subject) return subject;
    const author = authorOfSubject(subject, roles);
    if (subject.tenant !== name.tenant || !mayAddress(subject, name.partition)) return notForHere;
    if (!allows(author.permissions, readPermission)) return readForbidden;
    const failure = (await link?.admit(author)) ?? (state.awaitsToken ? this.#crowded(author, false) : undefined);
    return failure ?? author;
  }

  #closed(): Failure | undefined {
    const seconds = Math.ceil((this.#closedUntil - Date.now()) / 1_000);
    return seconds > 0 ? { ...draining, retryAfter: seconds } : undefined;
  }

  /** Why there is no room for another connection, if so. */
  #crowded(author: Author | undefined, awaitsToken: boolean): Failure | undefined {
    const { connectionsPerPartition, connectionsPerPrincipal } = this.#host.partition.limits;
    const sessions = [...this.#host.partition.sessions].map(({ state }) => state);
    if (connectionsPerPartition !== null && sessions.length >= connectionsPerPartition) {
      return tooMany(connectionsPerPartition, "connections to this partition");
    }
    if (awaitsToken && sessions.filter((state) => state.awaitsToken).length >= limits.strangersMax) {
      return tooMany(limits.strangersMax, "connections here that have not brought their token");
    }
    if (author === undefined || connectionsPerPrincipal === null) return undefined;
    const own = sessions.filter((state) => state.author?.principal === author.principal).length;
    return own < connectionsPerPrincipal ? undefined : tooMany(connectionsPerPrincipal, "connections of yours here");
  }
}

function tooMany(most: number, what: string): Failure {
  return {
    code: "too_many_connections",
    detail: `There can be at most ${most} ${what}.`,
    retryAfter: crowdedSeconds,
  };
}
