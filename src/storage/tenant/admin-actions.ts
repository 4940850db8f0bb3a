import type { AdminAction, NotedAction } from "../../platform/actions-api.ts";
import type { Database } from "../database.ts";
import { bytesOf, textOf } from "../text.ts";

export interface ActionReads {
  /** The number of the last one; 0 while there is none. */
  lastSeq(): number;
  /** Whether one of the last `among` has this id. */
  has(id: string, among: number): boolean;
  /** Those before the number `before`, the latest first. */
  before(before: number, limit: number): NotedAction[];
}

export interface ActionWrites {
  add(seq: number, id: string, at: number, action: AdminAction): void;
  /** Deletes those up to the number `seq`. */
  removeUpTo(seq: number): void;
}

/** The table `admin_actions` of the tenant's migration 0003. */
export class ActionsTable implements ActionReads, ActionWrites {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  lastSeq(): number {
    const [row] = this.#database.read("SELECT MAX(seq) AS seq FROM admin_actions");
    return (row?.["seq"] as number | null | undefined) ?? 0;
  }

  has(id: string, among: number): boolean {
    const from = this.lastSeq() - among;
    return this.#database.read("SELECT 1 FROM admin_actions WHERE seq > ? AND id = ?", from, id).length > 0;
  }

  before(before: number, limit: number): NotedAction[] {
    return this.#database
      .read("SELECT seq, entry FROM admin_actions WHERE seq < ? ORDER BY seq DESC LIMIT ?", before, limit)
      .map((row) => {
        const entry = JSON.parse(textOf(row["entry"] as Uint8Array)) as Omit<NotedAction, "seq">;
        return Object.assign(entry, { seq: row["seq"] as number });
      });
  }

  add(seq: number, id: string, at: number, action: AdminAction): void {
    const entry = bytesOf(JSON.stringify({ at, ...action }));
    this.#database.write("INSERT INTO admin_actions (seq, id, entry) VALUES (?, ?, ?)", seq, id, entry);
  }

  removeUpTo(seq: number): void {
    this.#database.write("DELETE FROM admin_actions WHERE seq <= ?", seq);
  }
}
