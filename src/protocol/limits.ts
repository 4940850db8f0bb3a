/** A rate limit: `burst` at once, and then `perSecond`. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** The limits of a tenant and its principals; null: no limit. */
export interface Limits {
  /** New drafts of one principal in one partition. Replays do not count. */
  principal: Rate | null;
  /** Bytes of the log that one principal adds in one partition: payloads, and `bounds.eventRowBytes` for each event. */
  principalBytes: Rate | null;
  /** Replays for one principal in one partition. */
  replays: Rate | null;
  /**
   * What one principal reads in one partition, in units: one for each request, and one for each full 4 KiB that
   * are produced or replayed for it. A read is paid for after it; who is in debt is refused.
   */
  reads: Rate | null;
  /** New drafts of one principal in one partition, by event type. */
  eventTypes: Readonly<Record<string, Rate>>;
  /** New drafts of a tenant, in all its partitions together. */
  tenant: Rate | null;
  /** Partitions of a tenant that are written for the first time. */
  newPartitions: Rate | null;
  /** Those of one principal, so that none takes what all have. Not of what effects and imports begin. */
  newPartitionsPerPrincipal: Rate | null;
  /** Connections of one principal to one partition. */
  connectionsPerPrincipal: number | null;
  /** Connections to one partition. */
  connectionsPerPartition: number | null;
  /** Bytes of a partition's log; null: as many as the platform has room for (`bounds.logBytesMax`). */
  logBytes: number | null;
  /** `paused`: effects wait, and nothing is delivered. What is delivered already is not stopped. */
  effects: "delivered" | "paused";
  /**
   * Partitions that accept no new event: names, or prefixes that end in `*`. What was decided is answered again, and
   * everything can be read; timers and the effects of other partitions wait.
   */
  readOnly: readonly string[];
}

/**
 * The default limits when tokens are verified. The rate of a principal is that of AU-5. An object of the platform
 * accepts 32,768 sockets; its memory allows fewer. A unit of reading takes 20 to 130 µs here (docs/decisions/0010-reads.md):
 * at once as much as 234 MiB, as when all devices of a principal reconnect, and then about a tenth of an object's time.
 */
export const defaultLimits: Limits = {
  principal: { perSecond: 20, burst: 400 },
  // A principal needs 36 hours to fill a log of 8 GiB.
  principalBytes: { perSecond: 64 * 1024, burst: 16 * 1024 * 1024 },
  replays: { perSecond: 100, burst: 2_000 },
  reads: { perSecond: 1_000, burst: 60_000 },
  eventTypes: {},
  tenant: { perSecond: 2_000, burst: 40_000 },
  newPartitions: { perSecond: 1, burst: 1_000 },
  newPartitionsPerPrincipal: { perSecond: 0.2, burst: 200 },
  connectionsPerPrincipal: 64,
  connectionsPerPartition: 10_000,
  logBytes: null,
  effects: "delivered",
  readOnly: [],
};

/** No limits: the default in open development mode. */
export const noLimits: Limits = {
  principal: null,
  principalBytes: null,
  replays: null,
  reads: null,
  eventTypes: {},
  tenant: null,
  newPartitions: null,
  newPartitionsPerPrincipal: null,
  connectionsPerPrincipal: null,
  connectionsPerPartition: null,
  logBytes: null,
  effects: "delivered",
  readOnly: [],
};

/** A rate of `count` per minute with a burst of `count`; `perMinute(100)` is the rate of the Insieme design. */
export function perMinute(count: number): Rate {
  return { perSecond: count / 60, burst: count };
}
