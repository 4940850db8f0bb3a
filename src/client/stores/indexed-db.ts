import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from "idb";
import {
  type OpenStore,
  type QueueEntry,
  type QueueStore,
  StoreError,
  type StoredBase,
  type StoreFailure,
} from "./store.ts";
import { closedError } from "./failures.ts";

/** How long opening may take. Another tab that holds the database in an older version can delay it without end. */
const openMsMax = 5_000;
/** How many calls share a transaction. */
const transactionCallsMax = 256;
const databaseVersion = 1;

interface Schema extends DBSchema {
  /** The sequence, which the browser counts up over all tabs, is the order. The entry is JSON text. */
  entries: {
    key: number;
    value: { sequence?: number; scope: string; key: string; entry: string };
    indexes: { scopeAndKey: [scope: string, key: string] };
  };
  bases: { key: string; value: StoredBase };
  devices: { key: string; value: string };
}
type Connection = IDBPDatabase<Schema>;
type Transaction = IDBPTransaction<Schema, ("entries" | "bases" | "devices")[], "readwrite">;

/** A call that waits for its transaction. */
interface Call {
  run(transaction: Transaction): Promise<unknown>;
  strict: boolean;
  resolve(result: unknown): void;
  reject(error: StoreError): void;
}

/**
 * Keeps drafts in the browser's IndexedDB. All scopes and tabs of an origin share one database, which
 * `databaseName` names ("partita-queue" unless said).
 *
 * A browser may throw away what an origin keeps when the disk gets full; an application that minds
 * asks for `navigator.storage.persist()`.
 */
export function indexedDbStore(options: { databaseName?: string } = {}): OpenStore {
  const { databaseName = "partita-queue" } = options;
  return async (scope) => new IndexedDbQueue(databaseName, scope, await connect(databaseName));
}

/**
 * Calls that are made in one turn, or while a transaction runs, share the next one: a transaction
 * costs a flush to disk, however much is in it. One transaction runs at a time, which keeps the order
 * also where the connection is lost in between.
 */
class IndexedDbQueue implements QueueStore {
  readonly durable = true;
  readonly #databaseName: string;
  readonly #scope: string;
  readonly #waiting: Call[] = [];
  #connection: Connection;
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(databaseName: string, scope: string, connection: Connection) {
    this.#databaseName = databaseName;
    this.#scope = scope;
    this.#connection = connection;
  }

  load(): Promise<{ entries: QueueEntry[]; base: StoredBase | undefined }> {
    return this.#call(async (transaction) => {
      const index = transaction.objectStore("entries").index("scopeAndKey");
      // An array is greater than any string: the range is all keys of this scope.
      const rows = await index.getAll(IDBKeyRange.bound([this.#scope], [this.#scope, []]));
      const base = await transaction.objectStore("bases").get(this.#scope);
      const inOrder = rows.sort((one, other) => one.sequence! - other.sequence!);
      return { entries: inOrder.map(({ entry }) => JSON.parse(entry) as QueueEntry), base };
    });
  }

  identify(fresh: string): Promise<string> {
    return this.#call(async (transaction) => {
      const devices = transaction.objectStore("devices");
      const known = await devices.get(this.#scope);
      if (known === undefined) await devices.put(fresh, this.#scope);
      return known ?? fresh;
    });
  }

  async append(entry: QueueEntry): Promise<void> {
    const row = { scope: this.#scope, key: entry.key, entry: JSON.stringify(entry) };
    // Strict: browsers take a write for done once the system has it, and a power cut would lose a draft
    // that may already have been sent. Nothing else here is worth the flush.
    await this.#call(
      async (transaction) => {
        const store = transaction.objectStore("entries");
        const sequence = await store.index("scopeAndKey").getKey([row.scope, row.key]);
        if (sequence === undefined) await store.add(row);
      },
      { strict: true },
    );
  }

  async update(entry: QueueEntry): Promise<void> {
    const row = { scope: this.#scope, key: entry.key, entry: JSON.stringify(entry) };
    await this.#call(async (transaction) => {
      const store = transaction.objectStore("entries");
      const sequence = await store.index("scopeAndKey").getKey([row.scope, row.key]);
      if (sequence !== undefined) await store.put({ ...row, sequence });
    });
  }

  async remove(keys: readonly string[]): Promise<void> {
    const removed = [...keys];
    await this.#call(async (transaction) => {
      const store = transaction.objectStore("entries");
      for (const key of removed) {
        const sequence = await store.index("scopeAndKey").getKey([this.#scope, key]);
        if (sequence !== undefined) await store.delete(sequence);
      }
    });
  }

  async saveBase(base: StoredBase): Promise<boolean> {
    const saved = { ...base };
    await this.#call((transaction) => transaction.objectStore("bases").put(saved, this.#scope));
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#working;
    this.#connection.close();
  }

  #call<T>(run: (transaction: Transaction) => Promise<T>, { strict } = { strict: false }): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, strict, resolve: resolve as (result: unknown) => void, reject });
      // Begins after this turn, so that all its calls are in.
      this.#working ??= Promise.resolve().then(() => this.#work());
    });
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const calls = this.#waiting.splice(0, transactionCallsMax);
      try {
        await this.#settle(calls);
      } catch (error) {
        for (const call of calls) call.reject(storeError(error));
      }
    }
    this.#working = undefined;
  }

  /**
   * Connections end: another tab upgrades the database, the browser restarts its storage, a phone
   * suspends the page. And one call may be more than there is room for. So what fails is done once
   * more, on a new connection, each call by itself. All calls can be repeated.
   */
  async #settle(calls: readonly Call[]): Promise<void> {
    try {
      const results = await transact(this.#connection, calls);
      for (const [at, call] of calls.entries()) call.resolve(results[at]);
      return;
    } catch {
      this.#connection.close();
    }
    this.#connection = await connect(this.#databaseName);
    for (const call of calls) {
      try {
        call.resolve((await transact(this.#connection, [call]))[0]);
      } catch (error) {
        call.reject(storeError(error));
      }
    }
  }
}

/** Runs the calls in one transaction, and resolves with their results when it is complete. */
async function transact(connection: Connection, calls: readonly Call[]): Promise<unknown[]> {
  const durability = calls.some(({ strict }) => strict) ? "strict" : "relaxed";
  const transaction = connection.transaction(["entries", "bases", "devices"], "readwrite", { durability });
  // Awaited below, unless a call fails first.
  transaction.done.catch(() => {});
  try {
    const results: unknown[] = [];
    for (const { run } of calls) results.push(await run(transaction));
    await transaction.done;
    return results;
  } catch (error) {
    // Where the browser has aborted the transaction, that says why; the request only that it was aborted.
    throw transaction.error ?? error;
  }
}

/** Opens the database within `openMsMax`. */
async function connect(databaseName: string): Promise<Connection> {
  const opening = open(databaseName);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`the database was not open after ${openMsMax} ms`);
    timer = setTimeout(() => reject(new StoreError("blocked", error)), openMsMax);
  });
  try {
    return await Promise.race([opening, late]);
  } catch (error) {
    // It may open yet, and would then stand in the way of others.
    opening.then(
      (connection) => connection.close(),
      () => {},
    );
    throw storeError(error);
  } finally {
    clearTimeout(timer);
  }
}

function open(databaseName: string): Promise<Connection> {
  try {
    return openDB<Schema>(databaseName, databaseVersion, {
      upgrade(database) {
        const entries = database.createObjectStore("entries", { keyPath: "sequence", autoIncrement: true });
        entries.createIndex("scopeAndKey", ["scope", "key"], { unique: true });
        database.createObjectStore("bases");
        database.createObjectStore("devices");
      },
      // Another tab wants to upgrade or delete the database, and waits for us. The next call reopens it.
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    });
  } catch (error) {
    // There is no `indexedDB`, or the browser does not let this page use it.
    throw new StoreError("unavailable", error);
  }
}

/** The names of errors that say more than that it failed. */
const reasons: Readonly<Record<string, StoreFailure>> = {
  QuotaExceededError: "quota",
  // How some browsers refuse to open anything in a private window, or where the user forbade it.
  SecurityError: "unavailable",
  InvalidStateError: "unavailable",
};

function storeError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError(reasons[(error as Error).name] ?? "failed", error);
}
