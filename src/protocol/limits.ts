/** A rate limit: `burst` at once, and then `perSecond`. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** The limits of a tenant and its principals; null: no limit. */
export interface Limits {
  /** New drafts of one principal in one partition. Replays do not count. */
  principal: Rate | null;
  /** Replays for one principal in one partition. */
  replays: Rate | null;
  /** New drafts of one principal in one partition, by event type. */
  eventTypes: Readonly<Record<string, Rate>>;
  /** New drafts of a tenant, in all its partitions together. */
  tenant: Rate | null;
  /** Partitions of a tenant that are written for the first time. */
  newPartitions: Rate | null;
  /** Connections of one principal to one partition. */
  connectionsPerPrincipal: number | null;
  /** Connections to one partition. */
  connectionsPerPartition: number | null;
}

/**
 * The default limits when tokens are verified. The rate of a principal is that of AU-5. An object of the platform
 * accepts 32,768 sockets; its memory allows fewer.
 */
export const defaultLimits: Limits = {
  principal: { perSecond: 20, burst: 400 },
  replays: { perSecond: 100, burst: 2_000 },
  eventTypes: {},
  tenant: { perSecond: 2_000, burst: 40_000 },
  newPartitions: { perSecond: 1, burst: 1_000 },
  connectionsPerPrincipal: 64,
  connectionsPerPartition: 10_000,
};

/** No limits: the default in open development mode. */
export const noLimits: Limits = {
  principal: null,
  replays: null,
  eventTypes: {},
  tenant: null,
  newPartitions: null,
  connectionsPerPrincipal: null,
  connectionsPerPartition: null,
};

/** A rate of `count` per minute with a burst of `count`; `perMinute(100)` is the rate of the Insieme design. */
export function perMinute(count: number): Rate {
  return { perSecond: count / 60, burst: count };
}
