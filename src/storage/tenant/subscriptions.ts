import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";

/** A subscription of a partition to the tenant's changes. */
export interface SubscriptionRow {
  partition: string;
  /** The subscription ends at this time. */
  until: number;
  /** The last change that the partition has received. */
  receivedSeq: number;
}

export interface SubscriptionReads {
  find(partition: string): SubscriptionRow | undefined;
  /** The subscriptions at `now`, those that end last first. */
  latest(now: number, limit: number): SubscriptionRow[];
  /** Those that have not received change `seq`, those that end last first. */
  behind(seq: number, now: number, limit: number): SubscriptionRow[];
  countBehind(seq: number, now: number): number;
}

export interface SubscriptionWrites {
  put(subscription: SubscriptionRow): void;
  /** Stores that `partition` has received all changes up to `seq`. */
  received(partition: string, seq: number): void;
  /** Deletes the subscription that ends at `until`, unless it has received `seq` or a later change. */
  removeBehind(partition: string, seq: number, until: number): void;
  /** Deletes the subscriptions that have ended. */
  sweep(now: number): void;
}

/** The table `attending` of the tenant's migration 0001. */
export class SubscriptionsTable implements SubscriptionReads, SubscriptionWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(partition: string): SubscriptionRow | undefined {
    const [row] = this.#database.read("SELECT * FROM attending WHERE partition = ?", partition);
    return row && subscriptionOf(row);
  }

  latest(now: number, limit: number): SubscriptionRow[] {
    return this.#database
      .read("SELECT * FROM attending WHERE until > ? ORDER BY until DESC LIMIT ?", now, limit)
      .map(subscriptionOf);
  }

  behind(seq: number, now: number, limit: number): SubscriptionRow[] {
    return this.#database
      .read("SELECT * FROM attending WHERE told_seq < ? AND until > ? ORDER BY until DESC LIMIT ?", seq, now, limit)
      .map(subscriptionOf);
  }

  countBehind(seq: number, now: number): number {
    const [row] = this.#database.read(
      "SELECT count(*) AS count FROM attending WHERE told_seq < ? AND until > ?",
      seq,
      now,
    );
    return (row?.["count"] as number | undefined) ?? 0;
  }

  put({ partition, until, receivedSeq }: SubscriptionRow): void {
    this.#database.write(
      "INSERT OR REPLACE INTO attending (partition, until, told_seq) VALUES (?, ?, ?)",
      partition,
      until,
      receivedSeq,
    );
  }

  received(partition: string, seq: number): void {
    // A row that would not change is not written: each row written is billed.
    this.#database.write("UPDATE attending SET told_seq = ?1 WHERE partition = ?2 AND told_seq < ?1", seq, partition);
  }

  removeBehind(partition: string, seq: number, until: number): void {
    this.#database.write(
      "DELETE FROM attending WHERE partition = ? AND told_seq < ? AND until = ?",
      partition,
      seq,
      until,
    );
  }

  sweep(now: number): void {
    this.#database.write("DELETE FROM attending WHERE until <= ?", now);
  }
}

function subscriptionOf(row: SqlRow): SubscriptionRow {
  return {
    partition: row["partition"] as string,
    until: row["until"] as number,
    receivedSeq: row["told_seq"] as number,
  };
}
