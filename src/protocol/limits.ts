/** How much of something is allowed: `burst` at once, and `perSecond` again after that. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** What a tenant and its principals may do; null: without a limit. */
export interface Limits {
  /** New drafts of one principal in one partition. A replay costs nothing of it. */
  principal: Rate | null;
  /** Replays that one principal is served in one partition. */
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
 * What holds where nothing else is said and tokens are verified. The rate of a principal is that of
 * AU-5; a platform's object takes 32,768 sockets, and its memory fewer.
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

/** Nothing is limited: open development mode, unless it is configured. */
export const noLimits: Limits = {
  principal: null,
  replays: null,
  eventTypes: {},
  tenant: null,
  newPartitions: null,
  connectionsPerPrincipal: null,
  connectionsPerPartition: null,
};

/** A rate of so many a minute, all of which may come at once; `perMinute(100)` is that of the Insieme design. */
export function perMinute(count: number): Rate {
  return { perSecond: count / 60, burst: count };
}
