import type { DirectoryRow, NameRange, RowFilter, RowOrder } from "../../platform/directory-api.ts";
import type { Database } from "../database.ts";
import type { SqlRow } from "../driver.ts";

export interface DirectoryReads {
  count(): number;
  find(name: string): DirectoryRow | undefined;
  /** The first ones after the name `after` in a range of names, by name. */
  page(range: NameRange, after: string, only: RowFilter | undefined, limit: number): DirectoryRow[];
  /** Those in a range of names with the most. */
  top(range: NameRange, order: RowOrder, only: RowFilter | undefined, limit: number): DirectoryRow[];
}

export interface DirectoryWrites {
  put(row: DirectoryRow): void;
}

const filters: Readonly<Record<RowFilter, string>> = {
  quarantined: "AND quarantined = 1",
  deadLetters: "AND dead_letters > 0",
};
const orders: Readonly<Record<RowOrder, string>> = { largest: "log_bytes", fullest: "fullness" };

/** The table `partitions` of the directory's migration 0001. No index but the name: each would be a billed row. */
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
      "INSERT OR REPLACE INTO partitions (name, created_at, active_at, head, log_bytes, state_bytes, fullest, fullness, quarantined, dead_letters) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
    );
  }
}

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
  };
}
