import type { DirectoryRow, NameRange, PlacedRow, RowFilter, RowOrder } from "../../platform/directory-api.ts";
import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";

export interface DirectoryReads {
  count(): number;
  find(name: string): DirectoryRow | undefined;
  /** The first ones after the name `after` in a range of names, by name. */
  page(range: NameRange, after: string, only: RowFilter | undefined, limit: number): DirectoryRow[];
  /** Any of a range of names, at most `limit`. */
  some(range: NameRange, limit: number): PlacedRow[];
  /** The first ones after a place, by place. */
  afterPlace(place: number, limit: number): PlacedRow[];
  /** Whether one has no place: a version that knows no places has written it. */
  isPlaceless(): boolean;
  /** Those in a range of names with the most. */
  top(range: NameRange, order: RowOrder, only: RowFilter | undefined, limit: number): DirectoryRow[];
}

export interface DirectoryWrites {
  put(row: DirectoryRow): void;
  /** Gives a place to those that have none. */
  place(): void;
}

const filters: Readonly<Record<RowFilter, string>> = {
  quarantined: "AND quarantined = 1",
  deadLetters: "AND dead_letters > 0",
  damaged: "AND findings > 0",
};
const orders: Readonly<Record<RowOrder, string>> = { largest: "log_bytes", fullest: "fullness" };

/** A random number that JavaScript can hold. */
const randomPlace = `random() & ${Number.MAX_SAFE_INTEGER}`;

/**
 * The table `partitions` of the directory's migrations 0001 to 0003. No index but the name and the place, which never
 * changes: an index of what changes would be a billed row for each report.
 */
export class DirectoryTable implements DirectoryReads, DirectoryWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  count(): number {
    const [row] = this.#database.read("SELECT COUNT(*) AS count FROM partitions");
    return (row?.["count"] as number | undefined) ?? 0;
  }

  find(name: string): DirectoryRow | undefined {
    return this.#database.read("SELECT * FROM partitions WHERE name = ?", name).map(rowOf)[0];
  }

  page({ from, to }: NameRange, after: string, only: RowFilter | undefined, limit: number): DirectoryRow[] {
    const filter = only === undefined ? "" : filters[only];
    return this.#database
      .read(
        `SELECT * FROM partitions WHERE name >= ? AND name < ? AND name > ? ${filter} ORDER BY name LIMIT ?`,
        from,
        to,
        after,
        limit,
      )
      .map(rowOf);
  }

  some({ from, to }: NameRange, limit: number): PlacedRow[] {
    return this.#database
      .read("SELECT * FROM partitions WHERE name >= ? AND name < ? LIMIT ?", from, to, limit)
      .map(placedOf);
  }

  afterPlace(place: number, limit: number): PlacedRow[] {
    return this.#database
      .read("SELECT * FROM partitions WHERE place > ? ORDER BY place LIMIT ?", place, limit)
      .map(placedOf);
  }

  isPlaceless(): boolean {
    return this.#database.read("SELECT 1 FROM partitions WHERE place = 0 LIMIT 1").length > 0;
  }

  top({ from, to }: NameRange, order: RowOrder, only: RowFilter | undefined, limit: number): DirectoryRow[] {
    const filter = only === undefined ? "" : filters[only];
    return this.#database
      .read(
        `SELECT * FROM partitions WHERE name >= ? AND name < ? ${filter} ORDER BY ${orders[order]} DESC, name LIMIT ?`,
        from,
        to,
        limit,
      )
      .map(rowOf);
  }

  put(row: DirectoryRow): void {
    this.#database.write(
      `INSERT INTO partitions (name, created_at, active_at, head, log_bytes, state_bytes, fullest, fullness, quarantined, dead_letters, verified_at, findings, place) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${randomPlace}) ON CONFLICT (name) DO UPDATE SET created_at = excluded.created_at, active_at = excluded.active_at, head = excluded.head, log_bytes = excluded.log_bytes, state_bytes = excluded.state_bytes, fullest = excluded.fullest, fullness = excluded.fullness, quarantined = excluded.quarantined, dead_letters = excluded.dead_letters, verified_at = excluded.verified_at, findings = excluded.findings`,
      row.name,
      row.createdAt,
      row.activeAt,
      row.head,
      row.logBytes,
      row.stateBytes,
      row.fullest ?? "",
      Math.round(row.fullness * 1_000),
      row.quarantined ? 1 : 0,
      row.deadLetters,
      row.verifiedAt,
      row.findings,
    );
  }

  place(): void {
    this.#database.write(`UPDATE partitions SET place = ${randomPlace} WHERE place = 0`);
  }
}

const placedOf = (row: SqlRow): PlacedRow => ({ ...rowOf(row), place: row["place"] as number });

function rowOf(row: SqlRow): DirectoryRow {
  const fullest = row["fullest"] as string;
  return {
    name: row["name"] as string,
    createdAt: row["created_at"] as number,
    activeAt: row["active_at"] as number,
    head: row["head"] as number,
    logBytes: row["log_bytes"] as number,
    stateBytes: row["state_bytes"] as number,
    ...(fullest === "" ? {} : { fullest }),
    fullness: (row["fullness"] as number) / 1_000,
    quarantined: row["quarantined"] === 1,
    deadLetters: row["dead_letters"] as number,
    verifiedAt: row["verified_at"] as number,
    findings: row["findings"] as number,
  };
}
