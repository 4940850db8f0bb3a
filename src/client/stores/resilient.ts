import type { BaseTail, OpenStore, QueueEntry, QueueStore, StoredBase, StoreFailure } from "./store.ts";
import { closedError, reasonOf } from "./failures.ts";

export { failWith } from "./failures.ts";
export { MemoryQueue } from "./memory-queue.ts";

/**
 * Opens a store that does not fail: if the store of `open` fails, it continues in `memory`, with all
 * entries that were loaded or appended, in their order. From then on `durable` is false, and
 * `onDegraded` is called once with the reason. Calls reject only after `close`.
 *
 * - Entries of the failed store are loaded while it can be read. They come before the entries that are
 *   only in memory. Entries that cannot be read stay there for the next start.
 * - Entries that are removed after the failure are also removed from the failed store, as soon as that
 *   works again, so that decided entries are not sent again after a reload.
 * - A base that cannot be saved is dropped: `saveBase` resolves with false.
 */
export async function openResilient(
  open: OpenStore,
  memory: OpenStore,
  scope: string,
  onDegraded: (reason: StoreFailure) => void,
): Promise<QueueStore> {
  try {
    return new ResilientQueue(await open(scope), onDegraded);
  } catch (error) {
    report(onDegraded, error);
    return await memory(scope);
  }
}

/** In a separate turn: an error of the application must not affect the queue. */
function report(onDegraded: (reason: StoreFailure) => void, error: unknown): void {
  queueMicrotask(() => onDegraded(reasonOf(error)));
}

class ResilientQueue implements QueueStore {
  readonly #store: QueueStore;
  readonly #onDegraded: (reason: StoreFailure) => void;
  /** Absent where the store has none. */
  readonly extendBase?: (tail: BaseTail) => Promise<boolean>;
  /** The undecided entries that this page knows, in order. */
  readonly #entries = new Map<string, QueueEntry>();
  /** Set when the store has failed: the keys that may still be in it. */
  #leftBehind: Set<string> | undefined;
  /** Writes run concurrently. A load runs alone, so that no write runs between its result and the update of `#entries`. */
  #writes: Promise<unknown> = Promise.resolve();
  #lastLoad: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(store: QueueStore, onDegraded: (reason: StoreFailure) => void) {
    this.#store = store;
    this.#onDegraded = onDegraded;
    if (store.extendBase) this.extendBase = (tail) => this.#cache(() => store.extendBase!(tail));
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
      // A repetition must not reach the store: if the first append fails, it would put the entry behind later ones.
      if (this.#entries.has(entry.key)) return;
      this.#entries.set(entry.key, entry);
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
    return this.#cache(() => this.#store.saveBase(base));
  }

  delete(what: "base" | "everything"): Promise<void> {
    return this.#write(async () => {
      if (what === "everything") this.#entries.clear();
      try {
        // Also in a store that has failed for writes: what can be deleted there is deleted.
        await this.#store.delete(what);
        if (what === "everything") this.#leftBehind?.clear();
      } catch (error) {
        this.#fail(error);
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
      // The store is not used any more.
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
    // If the store works, memory is a copy of it. If it has failed, an entry that this page does not know
    // is older, or of another tab, and undecided.
    const own = failed ? [...this.#entries.values()] : [];
    const others = loaded.entries.filter(({ key }) => !failed?.has(key));
    this.#entries.clear();
    for (const entry of [...others, ...own]) this.#entries.set(entry.key, entry);
    for (const { key } of others) failed?.add(key);
    return { entries: [...this.#entries.values()], base: loaded.base };
  }

  /** All writes take the same steps, so that they reach the store in the order of the calls. */
  async #write<T>(body: () => Promise<T>): Promise<T> {
    if (this.#closed) throw closedError();
    const writing = this.#lastLoad.then(body);
    this.#writes = both(this.#writes, writing);
    return await writing;
  }

  /** Writes something that may be lost: the queue goes on in the store if that fails. */
  #cache(call: () => Promise<boolean>): Promise<boolean> {
    return this.#write(async () => {
      if (this.#leftBehind) return false;
      try {
        return await call();
      } catch {
        return false;
      }
    });
  }

  /** Calls the store if it has not failed. `removed`: keys that stay in it if it fails now. */
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
    // Several concurrent calls may fail.
    if (!this.#leftBehind) {
      this.#leftBehind = new Set(this.#entries.keys());
      report(this.#onDegraded, error);
    }
    for (const key of removed) this.#leftBehind.add(key);
  }

  /** Removes decided entries from the failed store. If that fails, the next removal tries again. */
  async #clearUp(): Promise<void> {
    const decided = [...(this.#leftBehind ?? [])].filter((key) => !this.#entries.has(key));
    if (decided.length === 0) return;
    try {
      await this.#store.remove(decided);
      for (const key of decided) this.#leftBehind?.delete(key);
    } catch {
      // The failure was reported before.
    }
  }
}

async function both(one: Promise<unknown>, other: Promise<unknown>): Promise<void> {
  await one;
  await other;
}
