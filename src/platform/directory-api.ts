/** What the directory of a tenant knows of a partition, as of its last report. */
export interface DirectoryRow {
  name: string;
  /** Milliseconds since 1970, as the other times: its first report with a log. */
  createdAt: number;
  /** Its last report. */
  activeAt: number;
  head: number;
  /** Payload bytes of its log. */
  logBytes: number;
  /** What its state takes in memory, in bytes. */
  stateBytes: number;
  /** The name of its fullest bound; absent: it has none. */
  fullest?: string;
  /** How full that is: 0 to 1. */
  fullness: number;
  quarantined: boolean;
  deadLetters: number;
  /** Its last verification; 0: none yet. */
  verifiedAt: number;
  /** How much that has found. */
  findings: number;
}

/** A partition with what it does now; 0 where it has not reported for a minute. */
export interface DirectoryEntry extends DirectoryRow {
  eventsPerSecond: number;
  connections: number;
}

/** A partition with its place: a random number that stays, and says nothing of its name. */
export interface PlacedRow extends DirectoryRow {
  place: number;
}

/** What is asked of a part of the directory by who must not learn of other names. */
export interface PlacedQuery {
  /** In order, and without a common name. They are all that the caller may address: nothing that it chooses. */
  ranges: readonly NameRange[];
  /** Those after this place. */
  after: number;
  limit: number;
}

/** The first ones by place; `last`: up to which place was looked, where there may be more. */
export interface PlacedPage {
  rows: readonly PlacedRow[];
  last?: number;
}

/** Names from `from` on, up to but without `to`, in the order of their characters. */
export interface NameRange {
  from: string;
  to: string;
}

/** Only those that are quarantined, have dead letters, or in which a verification has found something. */
export type RowFilter = "quarantined" | "deadLetters" | "damaged";
/** The largest log, or the fullest bound. */
export type RowOrder = "largest" | "fullest";

/** What is asked of a part of the directory. */
export interface DirectoryQuery {
  /** In order, and without a common name. */
  ranges: readonly NameRange[];
  /** Names after this one; not used with `order`. */
  after: string;
  only?: RowFilter | undefined;
  /** Those with the most come first; absent: by name. */
  order?: RowOrder | "hottest" | undefined;
  limit: number;
}
