/**
 * A store for programs in Node.
 *
 * @module partita/client/sqlite
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { continues, type End, tailOf } from "./tails.ts";
import {
  type BaseTail,
  type OpenStore,
  type QueueEntry,
  type QueueStore,
  StoreError,
  type StoredBase,
  type StoreFailure,
} from "./store.ts";

/** How long a call waits for a write of another process. It blocks the thread; a write takes milliseconds. */
const busyMsMax = 1_000;
/** `PRAGMA user_version` of a file with the tables below. */
const layoutVersion = 1;

/** The sequence is the order. All text is JSON text, which has neither NUL nor lone surrogates: SQLite would change those. */
const layout = `
  CREATE TABLE entries (
    sequence INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    entry TEXT NOT NULL,
    UNIQUE (scope, key)
  ) STRICT;
  CREATE TABLE bases (
    scope TEXT PRIMARY KEY,
    server_id TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    model_version INTEGER NOT NULL,
    state TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE devices (scope TEXT PRIMARY KEY, client_id TEXT NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${layoutVersion};
`;
/** Added to the same layout: earlier versions, which do not know these tables, can still open the file. */
const addedLayout = `
  CREATE TABLE IF NOT EXISTS proofs (
    scope TEXT PRIMARY KEY,
    event_id INTEGER NOT NULL,
    proof TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS authors (
    scope TEXT PRIMARY KEY,
    event_id INTEGER NOT NULL,
    author TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS models (
    scope TEXT PRIMARY KEY,
    event_id INTEGER NOT NULL,
    model TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS tails (
    scope TEXT NOT NULL,
    after INTEGER NOT NULL,
    server_id TEXT NOT NULL,
    after_proof TEXT,
    event_id INTEGER NOT NULL,
    proof TEXT,
    events TEXT NOT NULL,
    PRIMARY KEY (scope, after)
  ) STRICT;
`;

const tailColumns = "server_id AS serverId, event_id AS eventId, proof";
const baseColumns = "server_id AS serverId, bases.event_id AS eventId, proof";
const baseWithProof = `FROM bases
  LEFT JOIN proofs ON proofs.scope = bases.scope AND proofs.event_id = bases.event_id
  LEFT JOIN authors ON authors.scope = bases.scope AND authors.event_id = bases.event_id
  LEFT JOIN models ON models.scope = bases.scope AND models.event_id = bases.event_id WHERE bases.scope = ?`;
/** What belongs to a base in a table of its own, because the first version did not have it: in a table of this name. */
const besideBases = ["proofs", "authors", "models"];

/** A row, in which an absent member is null. */
type Nullable<T> = { [Key in keyof T]: Exclude<T[Key], undefined> | (undefined extends T[Key] ? null : never) };

/** Primary result codes of SQLite with a specific reason. */
const reasons: Readonly<Record<number, StoreFailure>> = {
  5: "blocked", // SQLITE_BUSY
  8: "unavailable", // SQLITE_READONLY
  13: "quota", // SQLITE_FULL
  14: "unavailable", // SQLITE_CANTOPEN
};

/**
 * Keeps drafts in an SQLite file, for programs in Node (22.13 or later). All scopes, and several
 * processes on one machine, may share one file. The file is created if it does not exist; its folder
 * must exist. SQLite also creates `<path>-wal` and `<path>-shm`. If the file cannot be opened or
 * written, a client with this store continues in memory, and emits `degraded`.
 */
export function sqliteStore(path: string): OpenStore {
  const open: OpenStore = async (scope) => withReason(() => new SqliteQueue(path, scope));
  open.scopes = async () => withReason(() => scopesIn(path));
  return open;
}

class SqliteQueue implements QueueStore {
  readonly durable = true;
  readonly #database: DatabaseSync;
  readonly #scope: string;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string, scope: string) {
    this.#scope = JSON.stringify(scope);
    this.#database = new DatabaseSync(path);
    try {
      prepare(this.#database);
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  async load(): Promise<{ entries: QueueEntry[]; base: StoredBase | undefined }> {
    return withReason(() => ({
      entries: this.#statement("SELECT entry FROM entries WHERE scope = ? ORDER BY sequence")
        .all(this.#scope)
        .map((row) => JSON.parse(row["entry"] as string) as QueueEntry),
      base: this.#base(),
    }));
  }

  async identify(fresh: string): Promise<string> {
    this.#run("INSERT INTO devices VALUES (?, ?) ON CONFLICT DO NOTHING", this.#scope, fresh);
    return withReason(() => {
      const row = this.#statement("SELECT client_id FROM devices WHERE scope = ?").get(this.#scope);
      return row!["client_id"] as string;
    });
  }

  async append(entry: QueueEntry): Promise<void> {
    this.#run(
      "INSERT INTO entries (scope, key, entry) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
      this.#scope,
      entry.key,
      JSON.stringify(entry),
    );
  }

  async update(entry: QueueEntry): Promise<boolean> {
    const updated = "UPDATE entries SET entry = ? WHERE scope = ? AND key = ?";
    return this.#run(updated, JSON.stringify(entry), this.#scope, entry.key) > 0;
  }

  async remove(keys: readonly string[]): Promise<void> {
    this.#run(
      "DELETE FROM entries WHERE scope = ? AND key IN (SELECT value FROM json_each(?))",
      this.#scope,
      JSON.stringify(keys),
    );
  }

  async removeUnsent(key: string): Promise<boolean> {
    const removed = "DELETE FROM entries WHERE scope = ? AND key = ? AND entry ->> '$.sentAt' = 0";
    return this.#run(removed, this.#scope, key) > 0;
  }

  async saveBase({ serverId, eventId, proof, model, modelVersion, author, state }: StoredBase): Promise<boolean> {
    const base = [serverId, eventId, modelVersion, state];
    const beside: Record<string, string | undefined> = { proofs: proof, authors: author, models: model };
    this.#transact(() => {
      for (const table of besideBases) {
        const value = beside[table];
        this.#run(`DELETE FROM ${table} WHERE scope = ?`, this.#scope);
        if (value !== undefined) this.#run(`INSERT INTO ${table} VALUES (?, ?, ?)`, this.#scope, eventId, value);
      }
      this.#run("INSERT OR REPLACE INTO bases VALUES (?, ?, ?, ?, ?)", this.#scope, ...base);
      this.#run("DELETE FROM tails WHERE scope = ?", this.#scope);
    });
    return true;
  }

  async extendBase(tail: BaseTail): Promise<boolean> {
    let extended = false;
    this.#transact(() => {
      const end = withReason(() => this.#end());
      if (!end || !continues(tail, end)) return;
      const { after, serverId, afterProof = null, eventId, proof = null, events } = tail;
      const values = [after, serverId, afterProof, eventId, proof, events];
      this.#run("INSERT INTO tails VALUES (?, ?, ?, ?, ?, ?, ?)", this.#scope, ...values);
      extended = true;
    });
    return extended;
  }

  async delete(what: "base" | "everything"): Promise<void> {
    const tables = [...besideBases, "bases", "tails", ...(what === "base" ? [] : ["entries", "devices"])];
    this.#transact(() => {
      for (const table of tables) this.#run(`DELETE FROM ${table} WHERE scope = ?`, this.#scope);
    });
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) withReason(() => this.#database.close());
  }

  #base(): StoredBase | undefined {
    // An earlier version may have saved a later base, without its proof, its author and its model.
    const row = this.#statement(
      `SELECT ${baseColumns}, model_version AS modelVersion, author, model, state ${baseWithProof}`,
    ).get(this.#scope);
    if (!row) return undefined;
    const { proof, author, model, ...rest } = row as unknown as Nullable<Omit<StoredBase, "tail">>;
    const base: StoredBase = {
      ...rest,
      ...(proof === null ? {} : { proof }),
      ...(author === null ? {} : { author }),
      ...(model === null ? {} : { model }),
    };
    const tail = tailOf(
      base,
      this.#statement(`SELECT after, ${tailColumns}, after_proof AS afterProof, events FROM tails WHERE scope = ?`)
        .all(this.#scope)
        .map((found) => tailOfRow(found as unknown as Nullable<BaseTail>)),
    );
    return tail.length > 0 ? { ...base, tail } : base;
  }

  /** The end of what is stored. */
  #end(): End | undefined {
    const row =
      this.#statement(`SELECT ${tailColumns} FROM tails WHERE scope = ? ORDER BY after DESC LIMIT 1`).get(
        this.#scope,
      ) ?? this.#statement(`SELECT ${baseColumns} ${baseWithProof}`).get(this.#scope);
    return row && ({ ...row, proof: row["proof"] ?? undefined } as unknown as End);
  }

  #transact(body: () => void): void {
    withReason(() => this.#database.exec("BEGIN IMMEDIATE"));
    try {
      body();
      withReason(() => this.#database.exec("COMMIT"));
    } catch (error) {
      try {
        this.#database.exec("ROLLBACK");
      } catch {
        // SQLite has rolled it back already, as on a full disk.
      }
      throw error;
    }
  }

  /** One statement is one transaction, except in `#transact`. Returns how many rows it has changed. */
  #run(sql: string, ...values: SQLInputValue[]): number {
    return withReason(() => Number(this.#statement(sql).run(...values).changes));
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#database.prepare(sql)));
    return statement;
  }
}

function tailOfRow({ serverId, after, afterProof, eventId, proof, events }: Nullable<BaseTail>): BaseTail {
  return { serverId, after, afterProof: afterProof ?? undefined, eventId, proof: proof ?? undefined, events };
}

function scopesIn(path: string): string[] {
  const database = new DatabaseSync(path);
  try {
    prepare(database);
    return database
      .prepare("SELECT scope FROM devices")
      .all()
      .map(({ scope }) => JSON.parse(scope as string) as string);
  } finally {
    database.close();
  }
}

function prepare(database: DatabaseSync): void {
  database.exec(`PRAGMA busy_timeout = ${busyMsMax}`);
  // A commit is one fsync of the write-ahead log. Readers do not wait for it.
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  // Two processes may open an empty file at the same time: one of them creates the tables.
  database.exec("BEGIN IMMEDIATE");
  const version = database.prepare("PRAGMA user_version").get()!["user_version"];
  if (version === 0) database.exec(layout);
  else if (version !== layoutVersion) throw new Error(`the file has layout ${String(version)}, not ${layoutVersion}`);
  database.exec(addedLayout);
  database.exec("COMMIT");
}

function withReason<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    // The low byte of an extended code is the primary one.
    const code = (error as { errcode?: number }).errcode ?? 0;
    throw new StoreError(reasons[code & 0xff] ?? "failed", error);
  }
}
