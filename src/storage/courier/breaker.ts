import type { Database } from "../database.ts";

/** The stored breaker: see `Breaker` of the courier; and until when nothing could be sent. */
export interface BreakerRow {
  failures: number;
  opens: number;
  openedAt: number;
  openUntil: number;
  failingSince: number;
  heldUntil: number;
}

export interface BreakerReads {
  find(): BreakerRow | undefined;
}

export interface BreakerWrites {
  put(breaker: BreakerRow): void;
}

/** The table `breaker` of the courier's migrations 0001 and 0002: one row. */
export class BreakerTable implements BreakerReads, BreakerWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  find(): BreakerRow | undefined {
    const [row] = this.#database.read("SELECT * FROM breaker");
    return (
      row && {
        failures: row["failures"] as number,
        opens: row["opens"] as number,
        openedAt: row["opened_at"] as number,
        openUntil: row["open_until"] as number,
        failingSince: row["failing_since"] as number,
        heldUntil: row["held_until"] as number,
      }
    );
  }

  put({ failures, opens, openedAt, openUntil, failingSince, heldUntil }: BreakerRow): void {
    this.#database.write(
      "INSERT OR REPLACE INTO breaker (singleton, failures, opens, opened_at, open_until, failing_since, held_until) VALUES (1, ?, ?, ?, ?, ?, ?)",
      failures,
      opens,
      openedAt,
      openUntil,
      failingSince,
      heldUntil,
    );
  }
}
