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
}

/** A partition with what it does now; 0 where it has not reported for a minute. */
export interface DirectoryEntry extends DirectoryRow {
  eventsPerSecond: number;
  connections: number;
}

/** Names from `from` on, up to but without `to`, in the order of their characters. */
export interface NameRange {
  from: string;
  to: string;
}

/** Only those that are quarantined, or have dead letters. */
export type RowFilter = "quarantined" | "deadLetters";
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
