import type {
  Backup,
  BaseTail,
  OpenStore,
  QueueEntry,
  QueueStore,
  StoreError,
  StoredBase,
  StoreFailure,
} from "./store.ts";
import { closedError, failWith, storeError } from "./failures.ts";
import { completionOf, resultOf } from "./requests.ts";
import { continues, type End, tailOf } from "./tails.ts";

/** How long opening may take. Another tab with an older version of the database can block it forever. */
const openMsMax = 5_000;
/** How many calls share a transaction. */
const transactionCallsMax = 256;
const databaseVersion = 1;

/** One entry. The browser increments the sequence for all tabs: it is the order. */
interface Row {
  sequence: number;
  scope: string;
  key: string;
  /** JSON text. */
  entry: string;
}

/** A call that waits for its transaction. */
interface Call {
  run(transaction: IDBTransaction): Promise<unknown>;
  strict: boolean;
  resolve(result: unknown): void;
  reject(error: StoreError): void;
}

/** See `indexedDbStore`. */
export function openIndexedDb(databaseName: string, errors: typeof StoreError): OpenStore {
  failWith(errors);
  const open: OpenStore = async (scope) => new IndexedDbQueue(databaseName, scope, await connect(databaseName));
  open.scopes = async () => {
    const connection = await connect(databaseName);
    try {
      const keys = await resultOf(connection.transaction("devices").objectStore("devices").getAllKeys());
      return keys as string[];
    } catch (error) {
      throw errorOf(error);
    } finally {
      connection.close();
    }
  };
  return open;
}

/**
 * Calls of one turn, and calls that are made while a transaction runs, share the next transaction: each
 * transaction costs a flush to disk, whatever its size. One transaction runs at a time. This keeps the
 * order also when the connection is lost in between.
 */
class IndexedDbQueue implements QueueStore {
  readonly durable = true;
  readonly #databaseName: string;
  readonly #scope: string;
  readonly #waiting: Call[] = [];
  #connection!: IDBDatabase;
  #backup: (() => Backup) | undefined;
  #working: Promise<void> | undefined;
  #closed = false;

  constructor(databaseName: string, scope: string, connection: IDBDatabase) {
    this.#databaseName = databaseName;
    this.#scope = scope;
    this.#connected(connection);
  }

  protect(backup: () => Backup): void {
    this.#backup = backup;
  }

  load(): Promise<{ entries: QueueEntry[]; base: StoredBase | undefined }> {
    return this.#call(async (transaction) => {
      const index = transaction.objectStore("entries").index("scopeAndKey");
      const rows = await resultOf<Row[]>(index.getAll(this.#range()));
      const bases = transaction.objectStore("bases");
      const base = await resultOf<StoredBase | undefined>(bases.get(this.#scope));
      const tail = base && tailOf(base, await resultOf<BaseTail[]>(bases.getAll(this.#tailRange())));
      const inOrder = rows.sort((one, other) => one.sequence - other.sequence);
      return {
        entries: inOrder.map(({ entry }) => JSON.parse(entry) as QueueEntry),
        base: base && { ...base, ...(tail!.length > 0 && { tail: tail! }) },
      };
    });
  }

  identify(fresh: string): Promise<string> {
    return this.#call((transaction) => this.#identify(transaction, fresh));
  }

  async append(entry: QueueEntry): Promise<void> {
    const row = this.#row(entry);
    // Strict: browsers report a write as done once the system has it, and a power cut would lose a draft
    // that may already have been sent. No other write needs the flush.
    await this.#call((transaction) => this.#append(transaction, row), { strict: true });
  }

  update(entry: QueueEntry): Promise<boolean> {
    const row = this.#row(entry);
    return this.#call(async (transaction) => {
      const { entries, sequence } = await this.#find(transaction, row.key);
      if (sequence !== undefined) await resultOf(entries.put({ ...row, sequence }));
      return sequence !== undefined;
    });
  }

  async remove(keys: readonly string[]): Promise<void> {
    const removed = [...keys];
    await this.#call(async (transaction) => {
      for (const key of removed) {
        const { entries, sequence } = await this.#find(transaction, key);
        if (sequence !== undefined) await resultOf(entries.delete(sequence));
      }
    });
  }

  removeUnsent(key: string): Promise<boolean> {
    return this.#call(async (transaction) => {
      const { entries, sequence } = await this.#find(transaction, key);
      const row = sequence === undefined ? undefined : await resultOf<Row>(entries.get(sequence));
      const isUnsent = row !== undefined && (JSON.parse(row.entry) as QueueEntry).sentAt === 0;
      if (isUnsent) await resultOf(entries.delete(row.sequence));
      return isUnsent;
    });
  }

  async saveBase(base: StoredBase): Promise<boolean> {
    const { tail: _, ...saved } = base;
    const { serverId, eventId, proof } = saved;
    await this.#call(async (transaction) => {
      const bases = transaction.objectStore("bases");
      await resultOf(bases.put(saved, this.#scope));
      await resultOf(bases.delete(this.#range()));
      await resultOf(bases.put({ serverId, eventId, proof } satisfies End, this.#endKey()));
    });
    return true;
  }

  extendBase(tail: BaseTail): Promise<boolean> {
    const added = { ...tail };
    return this.#call(async (transaction) => {
      const bases = transaction.objectStore("bases");
      const end = await resultOf<End | undefined>(bases.get(this.#endKey()));
      if (!end || !continues(added, end)) return false;
      const { serverId, eventId, proof } = added;
      await resultOf(bases.put(added, [this.#scope, added.after]));
      await resultOf(bases.put({ serverId, eventId, proof } satisfies End, this.#endKey()));
      return true;
    });
  }

  async delete(what: "base" | "everything"): Promise<void> {
    await this.#call(async (transaction) => {
      const bases = transaction.objectStore("bases");
      await resultOf(bases.delete(this.#scope));
      await resultOf(bases.delete(this.#range()));
      if (what === "base") return;
      await resultOf(transaction.objectStore("devices").delete(this.#scope));
      const entries = transaction.objectStore("entries");
      const keys = await resultOf(entries.index("scopeAndKey").getAllKeys(this.#range()));
      for (const sequence of keys) await resultOf(entries.delete(sequence));
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#working;
    this.#connection.close();
  }

  /** All keys of this scope: an array is greater than any string. */
  #range(): IDBKeyRange {
    return IDBKeyRange.bound([this.#scope], [this.#scope, []]);
  }

  /**
   * The base of a scope has the scope as its key, as in earlier versions. What these do not know has an array as its key,
   * in the same object store: so both versions can open the database. The tails have the event that they continue.
   */
  #tailRange(): IDBKeyRange {
    return IDBKeyRange.bound([this.#scope, 0], [this.#scope, Infinity]);
  }

  #endKey(): IDBValidKey {
    return [this.#scope, "end"];
  }

  #row(entry: QueueEntry): Omit<Row, "sequence"> {
    return { scope: this.#scope, key: entry.key, entry: JSON.stringify(entry) };
  }

  async #find(
    transaction: IDBTransaction,
    key: string,
  ): Promise<{ entries: IDBObjectStore; sequence: IDBValidKey | undefined }> {
    const entries = transaction.objectStore("entries");
    return { entries, sequence: await resultOf(entries.index("scopeAndKey").getKey([this.#scope, key])) };
  }

  #call<T>(run: (transaction: IDBTransaction) => Promise<T>, { strict } = { strict: false }): Promise<T> {
    if (this.#closed) return Promise.reject(closedError());
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, strict, resolve: resolve as (result: unknown) => void, reject });
      // Starts after this turn, so that all its calls are included.
      this.#working ??= Promise.resolve().then(() => this.#work());
    });
  }

  #connected(connection: IDBDatabase): void {
    this.#connection = connection;
    // Another tab wants to upgrade or delete the database, and waits for this one; or the browser deletes it.
    const lost = (): void => {
      connection.close();
      if (this.#backup && !this.#closed) this.#call(async () => {}).catch(() => {});
    };
    connection.addEventListener("versionchange", lost);
    connection.addEventListener("close", lost);
  }

  /** The call that stores a backup, in a database that may have lost it. */
  #restore({ clientId, entries }: Backup): Pick<Call, "run" | "strict"> {
    return {
      strict: entries.length > 0,
      run: async (transaction) => {
        if (clientId !== undefined) await this.#identify(transaction, clientId);
        for (const entry of entries) await this.#append(transaction, this.#row(entry));
      },
    };
  }

  async #identify(transaction: IDBTransaction, fresh: string): Promise<string> {
    const devices = transaction.objectStore("devices");
    const known = await resultOf<string | undefined>(devices.get(this.#scope));
    if (known === undefined) await resultOf(devices.put(fresh, this.#scope));
    return known ?? fresh;
  }

  async #append(transaction: IDBTransaction, row: Omit<Row, "sequence">): Promise<void> {
    const { entries, sequence } = await this.#find(transaction, row.key);
    if (sequence === undefined) await resultOf(entries.add(row));
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const calls = this.#waiting.splice(0, transactionCallsMax);
      try {
        await this.#settle(calls);
      } catch (error) {
        for (const call of calls) call.reject(errorOf(error));
      }
    }
    this.#working = undefined;
  }

  /**
   * A connection can end: another tab upgrades the database, the browser restarts its storage, a phone
   * suspends the page. Also, one call may exceed the quota. So after a failure each call runs once more,
   * alone, on a new connection. All calls can be repeated.
   */
  async #settle(calls: readonly Call[]): Promise<void> {
    try {
      const results = await transact(this.#connection, calls);
      for (const [at, call] of calls.entries()) call.resolve(results[at]);
      return;
    } catch {
      this.#connection.close();
    }
    this.#connected(await connect(this.#databaseName));
    if (this.#backup) await transact(this.#connection, [this.#restore(this.#backup())]);
    for (const call of calls) {
      try {
        call.resolve((await transact(this.#connection, [call]))[0]);
      } catch (error) {
        call.reject(errorOf(error));
      }
    }
  }
}

/** Runs the calls in one transaction, and resolves with their results when it is complete. */
async function transact(connection: IDBDatabase, calls: readonly Pick<Call, "run" | "strict">[]): Promise<unknown[]> {
  const durability = calls.some(({ strict }) => strict) ? "strict" : "relaxed";
  const transaction = connection.transaction(["entries", "bases", "devices"], "readwrite", { durability });
  const complete = completionOf(transaction);
  // Awaited below, unless a call fails first.
  complete.catch(() => {});
  try {
    const results: unknown[] = [];
    for (const { run } of calls) results.push(await run(transaction));
    await complete;
    return results;
  } catch (error) {
    // If the browser aborted the transaction, its error has the reason; the error of the request has not.
    throw transaction.error ?? error;
  }
}

/** Opens the database within `openMsMax`. */
async function connect(databaseName: string): Promise<IDBDatabase> {
  const opening = open(databaseName);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`the database was not open after ${openMsMax} ms`);
    timer = setTimeout(() => reject(storeError("blocked", error)), openMsMax);
  });
  try {
    return await Promise.race([opening, late]);
  } catch (error) {
    // It may still open later, and would then block other tabs.
    opening.then(
      (connection) => connection.close(),
      () => {},
    );
    throw errorOf(error);
  } finally {
    clearTimeout(timer);
  }
}

async function open(databaseName: string): Promise<IDBDatabase> {
  let request: IDBOpenDBRequest;
  try {
    request = indexedDB.open(databaseName, databaseVersion);
  } catch (error) {
    // There is no `indexedDB`, or the browser does not let this page use it.
    throw storeError("unavailable", error);
  }
  request.addEventListener("upgradeneeded", () => {
    const database = request.result;
    const entries = database.createObjectStore("entries", { keyPath: "sequence", autoIncrement: true });
    entries.createIndex("scopeAndKey", ["scope", "key"], { unique: true });
    database.createObjectStore("bases");
    database.createObjectStore("devices");
  });
  return await resultOf(request);
}

/** Error names with a specific reason. */
const reasons: Readonly<Record<string, StoreFailure>> = {
  QuotaExceededError: "quota",
  // Some browsers throw these in a private window, or if the user has forbidden storage.
  SecurityError: "unavailable",
  InvalidStateError: "unavailable",
};

function errorOf(error: unknown): StoreError {
  return storeError(reasons[(error as Error).name] ?? "failed", error);
}
