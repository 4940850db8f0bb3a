import { type OpenStore, type QueueEntry, type QueueStore, type StoredBase, type StoreFailure } from "./store.ts";
import { closedError, reasonOf } from "./failures.ts";
import { memoryStore } from "./memory.ts";

/**
 * Opens a store that cannot fail: where the one of `open` does, it goes on in memory, with all that
 * was loaded or appended so far, in its order. `durable` is false from then on, and `onDegraded` is
 * told why, once. Nothing of this rejects, except after `close`.
 *
 * - What is in the failed store is loaded as long as it can be read. It comes before what is only in
 *   memory. What cannot be read stays there for the next start.
 * - What is removed after the failure is removed from the failed store too, as soon as that works
 *   again, so that what is decided is not sent again after a reload.
 * - A base that cannot be saved is dropped, `saveBase` resolves with false, and nothing else happens.
 */
export async function openResilient(
  open: OpenStore,
  scope: string,
  onDegraded: (reason: StoreFailure) => void,
): Promise<QueueStore> {
  try {
    return new ResilientQueue(await open(scope), onDegraded);
  } catch (error) {
    tell(onDegraded, error);
    return await memoryStore()(scope);
  }
}

/** In a turn of its own: what the application throws must not harm the queue. */
function tell(onDegraded: (reason: StoreFailure) => void, error: unknown): void {
  queueMicrotask(() => onDegraded(reasonOf(error)));
}

class ResilientQueue implements QueueStore {
  readonly #store: QueueStore;
  readonly #onDegraded: (reason: StoreFailure) => void;
  /** What is undecided, as far as this page knows, in order. */
  readonly #entries = new Map<string, QueueEntry>();
  /** Once the store has failed: the keys that may still be in it. */
  #leftBehind: Set<string> | undefined;
  /** Writes run side by side; a load runs alone, so that none falls between its result and `#entries`. */
  #writes: Promise<unknown> = Promise.resolve();
  #lastLoad: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(store: QueueStore, onDegraded: (reason: StoreFailure) => void) {
    this.#store = store;
    this.#onDegraded = onDegraded;
  }

  get durable(): boolean {
    return this.#store.durable && !this.#leftBehind;
  }

  async load(): Promise<{ entries: QueueEntry[]; base: StoredBase | undefined }> {
    if (this.#closed) throw closedError();
    const loading = this.#writes.then(() => this.#load());
    this.#writes = this.#lastLoad = loading;
    return await loading;
  }

  identify(fresh: string): Promise<string> {
    return this.#write(async () => (await this.#attempt(() => this.#store.identify(fresh))) ?? fresh);
  }

  append(entry: QueueEntry): Promise<void> {
    return this.#write(async () => {
      if (!this.#entries.has(entry.key)) this.#entries.set(entry.key, entry);
      await this.#attempt(() => this.#store.append(entry));
    });
  }

  update(entry: QueueEntry): Promise<void> {
    return this.#write(async () => {
      if (this.#entries.has(entry.key)) this.#entries.set(entry.key, entry);
      await this.#attempt(() => this.#store.update(entry));
    });
  }

  remove(keys: readonly string[]): Promise<void> {
    const removed = [...keys];
    return this.#write(async () => {
      for (const key of removed) this.#entries.delete(key);
      if (this.#leftBehind) await this.#clearUp();
      else await this.#attempt(() => this.#store.remove(removed), removed);
    });
  }

  saveBase(base: StoredBase): Promise<boolean> {
    return this.#write(async () => {
      if (this.#leftBehind) return false;
      try {
        return await this.#store.saveBase(base);
      } catch {
        return false;
      }
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writes;
    await this.#clearUp();
    try {
      await this.#store.close();
    } catch {
      // Nothing more is asked of it.
    }
  }

  async #load(): Promise<{ entries: QueueEntry[]; base: StoredBase | undefined }> {
    let loaded: Awaited<ReturnType<QueueStore["load"]>> = { entries: [], base: undefined };
    try {
      loaded = await this.#store.load();
    } catch (error) {
      this.#fail(error);
    }
    const failed = this.#leftBehind;
    // Of a store that works, memory is a copy. In one that has failed, what is not left behind by this
    // page is older, or another tab's, and undecided.
    const own = failed ? [...this.#entries.values()] : [];
    const others = loaded.entries.filter(({ key }) => !failed?.has(key));
    this.#entries.clear();
    for (const entry of [...others, ...own]) this.#entries.set(entry.key, entry);
    for (const { key } of others) failed?.add(key);
    return { entries: [...this.#entries.values()], base: loaded.base };
  }

  /** All that writes passes here, and takes the same steps, so it reaches the store in the order of the calls. */
  async #write<T>(body: () => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError();
    const writing = this.#lastLoad.then(body);
    this.#writes = both(this.#writes, writing);
    return await writing;
  }

  /** Asks the store, as long as it has not failed. `removed` are keys that stay in it if it fails now. */
  async #attempt<T>(call: () => Promise<T>, removed: readonly string[] = []): Promise<T | undefined> {
    if (this.#leftBehind) return undefined;
    try {
      return await call();
    } catch (error) {
      this.#fail(error, removed);
      return undefined;
    }
  }

  #fail(error: unknown, removed: readonly string[] = []): void {
    // Of calls that run side by side, several may fail.
    if (!this.#leftBehind) {
      this.#leftBehind = new Set(this.#entries.keys());
      tell(this.#onDegraded, error);
    }
    for (const key of removed) this.#leftBehind.add(key);
  }

  /** Removes from the failed store what is decided by now. What it refuses is tried again with the next removal. */
  async #clearUp(): Promise<void> {
    const decided = [...(this.#leftBehind ?? [])].filter((key) => !this.#entries.has(key));
    if (decided.length === 0) return;
    try {
      await this.#store.remove(decided);
      for (const key of decided) this.#leftBehind?.delete(key);
    } catch {
      // It has failed before.
    }
  }
}

async function both(one: Promise<unknown>, other: Promise<unknown>): Promise<void> {
  await one;
  await other;
}
