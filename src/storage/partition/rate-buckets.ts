import type { Database } from "../database.ts";

/** How much of a rate a principal has left. */
export interface BucketRow {
  principal: string;
  /** "" for all drafts, or an event type. */
  scope: string;
  /** Whole tokens; below zero: a debt. */
  level: number;
  /** The time of `level`, in milliseconds since 1970. */
  at: number;
  /** From this time on the bucket is full, and the row has no information. */
  fullAt: number;
}

export interface BucketReads {
  find(principal: string, scope: string): { level: number; at: number } | undefined;
}

export interface BucketWrites {
  /** Stores a bucket. At most once a minute, deletes the buckets that are full at `now`. */
  save(bucket: BucketRow, now: number): void;
}

/** The least time between two deletions of full buckets. */
const sweepMs = 60 * 1_000;

/** The table `rate_buckets` of migration 0004. */
export class RateBucketsTable implements BucketReads, BucketWrites {
  readonly #database: Database;
  #sweptAt = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  find(principal: string, scope: string): { level: number; at: number } | undefined {
    const [row] = this.#database.read(
      "SELECT level, at FROM rate_buckets WHERE principal = ? AND scope = ?",
      principal,
      scope,
    );
    return row && { level: row["level"] as number, at: row["at"] as number };
  }

  save({ principal, scope, level, at, fullAt }: BucketRow, now: number): void {
    // The DELETE scans the table: an index would be one more billed row for each bucket.
    if (now - this.#sweptAt >= sweepMs) {
      this.#database.write("DELETE FROM rate_buckets WHERE full_at <= ?", now);
      this.#sweptAt = now;
    }
    this.#database.write(
      "INSERT OR REPLACE INTO rate_buckets (principal, scope, level, at, full_at) VALUES (?, ?, ?, ?, ?)",
      principal,
      scope,
      level,
      at,
      fullAt,
    );
  }
}
