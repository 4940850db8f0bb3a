import type { BaseTail, OpenStore, QueueEntry, QueueStore, StoredBase, StoreFailure } from "./store.ts";
import { closedError, reasonOf, storeError } from "./failures.ts";

export { failWith } from "./failures.ts";
export { openMemory, scopesIn } from "./memory-queue.ts";

/** How often the silence of a store is looked at: a page that was frozen runs a timer before the answer that was there. */
const looksMax = 4;
/** A base may take this many times longer than other calls: it is the only one that is large. */
const baseSilences = 10;

/** Who uses a store that does not fail. */
export interface StoreUser {
  ports: { after(ms: number, run: () => void): () => void };
  /** See `Timing`. */
  timing: { connectMs: number; storeMs: number };
  /** From now on drafts are kept in memory only; without a reason: they are stored again. */
  changed(reason?: StoreFailure): void;
  /** These entries come after a `load` that has not answered in time. */
  late(entries: readonly QueueEntry[]): void;
}

/** A store that does not fail. */
export interface OpenedStore extends QueueStore {
  /**
   * Updates these entries; resolves with those that are not there any more. One that is in `kept` is appended again: its
   * verdict is asked for here. Absent: nobody else has the store, and it ends with the page.
   */
  mark?(entries: readonly QueueEntry[], kept: ReadonlyMap<string, unknown>): Promise<readonly QueueEntry[]>;
}

/**
 * Opens a store that does not fail: if the store of `open` fails, or does not answer in time, it continues in `memory`,
 * with all entries that were loaded or appended, in their order. From then on `durable` is false, and `changed` is called
 * with the reason. Calls reject only after `close`, but for the last rule.
 *
 * - Entries of the failed store are loaded while it can be read. They come before the entries that are
 *   only in memory. Entries that cannot be read stay there for the next start.
 * - Entries that are removed after the failure are also removed from the failed store, as soon as that
 *   works again, so that decided entries are not sent again after a reload.
 * - A store that answers after all gets what is only in memory, and is `durable` again.
 * - A base that cannot be saved is dropped: `saveBase` resolves with false.
 * - If everything cannot be deleted, `delete` rejects: something of the user is left.
 */
export async function openResilient(
  open: OpenStore,
  memory: OpenStore,
  scope: string,
  user: StoreUser,
): Promise<OpenedStore> {
  const opening = (async () => open(scope))();
  try {
    return new ResilientQueue(await answer(opening, user.ports, user.timing.connectMs), user);
  } catch (error) {
    // It may still open, and would then block others.
    opening.then(
      (store) => store.close(),
      () => {},
    );
    report(user, error);
    // Nobody else has what ends with the program.
    const kept: QueueStore = Object.assign(await memory(scope), { removeUnsent: undefined });
    if (reasonOf(error) === "unavailable") return kept;
    // What the store has of this user is still there.
    const forget = kept.delete.bind(kept);
    kept.delete = async (what) => {
      await forget(what);
      if (what === "everything") throw error;
    };
    return kept;
  }
}

/** In a separate turn: an error of the application must not affect the queue. */
function report(user: StoreUser, error: unknown): void {
  queueMicrotask(() => user.changed(reasonOf(error)));
}

const nothing = (): void => {};

/** Resolves as `answering`; rejects if that takes longer than `ms`. `late`: then it has answered after all, and how. */
function answer<T>(
  answering: Promise<T>,
  ports: StoreUser["ports"],
  ms: number,
  { silent = nothing, late = nothing }: { silent?(): void; late?(result?: T): void } = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    let looks = 0;
    let isLate = false;
    let cancel = nothing;
    const look = (): void => {
      if (looks++ < looksMax) {
        cancel = ports.after(ms / looksMax, look);
        return;
      }
      isLate = true;
      silent();
      reject(storeError("blocked", new Error(`the store has not answered for ${ms} ms`)));
    };
    const wait = async (): Promise<void> => {
      let result: T | undefined;
      try {
        result = await answering;
        resolve(result);
      } catch (error) {
        reject(error as Error);
      }
      cancel();
      if (isLate) late(result);
    };
    look();
    void wait();
  });
}

class ResilientQueue implements OpenedStore {
  readonly #store: QueueStore;
  readonly #user: StoreUser;
  // Absent where the store has none.
  readonly extendBase?: (tail: BaseTail) => Promise<boolean>;
  readonly removeUnsent?: (key: string) => Promise<boolean>;
  /** The undecided entries that this page knows, in order. */
  readonly #entries = new Map<string, QueueEntry>();
  /** The name of the device, once it is known. */
  #clientId: string | undefined;
  /** Set when the store has failed: the keys that may still be in it. */
  #leftBehind: Set<string> | undefined;
  /** Calls that were not answered in time. Until they are, the store is not asked for more. */
  #unanswered = 0;
  #recovering = false;
  /** Writes run concurrently. A load runs alone, so that no write runs between its result and the update of `#entries`. */
  #writes: Promise<unknown> = Promise.resolve();
  #lastLoad: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(store: QueueStore, user: StoreUser) {
    this.#store = store;
    this.#user = user;
    if (store.extendBase) this.extendBase = (tail) => this.#cache(() => store.extendBase!(tail));
    // Nobody else has what ends with the program.
    if (store.removeUnsent && store.durable) this.removeUnsent = (key) => this.#removeUnsent(key);
    store.protect?.(() => ({
      clientId: this.#clientId,
      entries: this.#leftBehind ? [] : [...this.#entries.values()],
    }));
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
    return this.#write(
      async () => (this.#clientId = (await this.#attempt(() => this.#store.identify(fresh))) ?? fresh),
    );
  }

  append(entry: QueueEntry): Promise<void> {
    return this.#write(async () => {
      // A repetition must not reach the store: if the first append fails, it would put the entry behind later ones.
      if (this.#entries.has(entry.key)) return;
      this.#entries.set(entry.key, entry);
      await this.#attempt(() => this.#store.append(entry));
    });
  }

  update(entry: QueueEntry): Promise<boolean | void> {
    return this.#write(async () => {
      if (this.#entries.has(entry.key)) this.#entries.set(entry.key, entry);
      return this.#attempt(() => this.#store.update(entry));
    });
  }

  async mark(entries: readonly QueueEntry[], kept: ReadonlyMap<string, unknown>): Promise<readonly QueueEntry[]> {
    const there = await Promise.all(entries.map((entry) => this.update(entry)));
    const gone = entries.filter((_, at) => there[at] === false);
    // Not one that was settled meanwhile.
    const again = gone.filter(({ key }) => kept.has(key) && this.#entries.has(key));
    await Promise.all(again.map((entry) => this.#write(() => this.#attempt(() => this.#store.append(entry)))));
    const lost = gone.filter(({ key }) => !kept.has(key));
    for (const { key } of lost) this.#entries.delete(key);
    return lost;
  }

  remove(keys: readonly string[]): Promise<void> {
    const removed = [...keys];
    return this.#write(async () => {
      for (const key of removed) this.#entries.delete(key);
      if (this.#leftBehind) await this.#clearUp();
      else await this.#attempt(() => this.#store.remove(removed), removed);
    });
  }

  /** Of a store that has failed nobody knows: what is only in memory is not sent by others. */
  #removeUnsent(key: string): Promise<boolean> {
    return this.#write(async () => {
      // In memory it stays until it is settled.
      return (await this.#attempt(() => this.#store.removeUnsent!(key))) ?? true;
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
        await this.#answer(this.#store.delete(what));
        if (what === "everything") this.#leftBehind?.clear();
      } catch (error) {
        this.#fail(error);
        // The base is only a cache; whether nothing is left of a user matters.
        if (what === "everything") throw error;
      }
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#writes;
    await this.#clearUp();
    try {
      await this.#answer(this.#store.close());
    } catch {
      // The store is not used any more.
    }
  }

  async #load(): Promise<{ entries: QueueEntry[]; base: StoredBase | undefined }> {
    let loaded: Awaited<ReturnType<QueueStore["load"]>> = { entries: [], base: undefined };
    try {
      if (this.#unanswered > 0) throw storeError("blocked", new Error("the store does not answer"));
      loaded = await this.#answer(this.#store.load(), 1, (late) => this.#join(late?.entries));
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
    this.#writes = both(
      this.#writes,
      writing.catch(() => {}),
    );
    return await writing;
  }

  /** Writes something that may be lost: the queue goes on in the store if that fails. */
  #cache(call: () => Promise<boolean>): Promise<boolean> {
    return this.#write(async () => {
      if (this.#leftBehind) return false;
      try {
        return await this.#answer(call(), baseSilences);
      } catch {
        return false;
      }
    });
  }

  /** Calls the store if it has not failed. `removed`: keys that stay in it if it fails now. */
  async #attempt<T>(call: () => Promise<T>, removed: readonly string[] = []): Promise<T | undefined> {
    if (this.#leftBehind) return undefined;
    try {
      return await this.#answer(call());
    } catch (error) {
      this.#fail(error, removed);
      return undefined;
    }
  }

  #fail(error: unknown, removed: readonly string[] = []): void {
    // Several concurrent calls may fail.
    if (!this.#leftBehind) {
      this.#leftBehind = new Set(this.#entries.keys());
      report(this.#user, error);
    }
    for (const key of removed) this.#leftBehind.add(key);
  }

  /** Resolves with what the store answers; rejects if it does not answer in time. `late`: it has answered after that. */
  #answer<T>(answering: Promise<T>, silences = 1, late = (_result?: T): void => {}): Promise<T> {
    const { ports, timing } = this.#user;
    return answer(answering, ports, timing.storeMs * silences, {
      silent: () => void this.#unanswered++,
      late: (result) => {
        this.#unanswered--;
        late(result);
        void this.#recover();
      },
    });
  }

  /** Entries of a load that is late: of earlier programs, or of other tabs. */
  #join(loaded: readonly QueueEntry[] = []): void {
    const late = loaded.filter(({ key }) => !this.#entries.has(key) && !this.#leftBehind?.has(key));
    const own = [...this.#entries.values()];
    this.#entries.clear();
    for (const entry of [...late, ...own]) this.#entries.set(entry.key, entry);
    for (const { key } of late) this.#leftBehind?.add(key);
    if (late.length > 0 && !this.#closed) queueMicrotask(() => this.#user.late(late));
  }

  /** The store answers again: it gets what is only in memory, and loses what is decided. */
  async #recover(): Promise<void> {
    const store = this.#store;
    const stored = new Map<string, QueueEntry>();
    if (this.#recovering) return;
    this.#recovering = true;
    try {
      // Once more, as long as there are changes meanwhile.
      for (let isFirst = true; ; isFirst = false) {
        const behind = this.#leftBehind;
        if (!behind || this.#unanswered > 0 || this.#closed) return;
        const missing = [...this.#entries.values()].filter((entry) => stored.get(entry.key) !== entry);
        const decided = [...behind].filter((key) => !this.#entries.has(key));
        if (!isFirst && missing.length + decided.length === 0) break;
        for (const entry of missing) {
          stored.set(entry.key, entry);
          behind.add(entry.key);
        }
        const calls: Promise<unknown>[] = missing.flatMap((entry) => [store.append(entry), store.update(entry)]);
        if (this.#clientId !== undefined) calls.push(store.identify(this.#clientId));
        await Promise.all([...calls, store.remove(decided)].map((call) => this.#answer(call)));
        for (const key of decided) behind.delete(key);
      }
      this.#leftBehind = undefined;
      queueMicrotask(() => this.#user.changed());
    } catch {
      // The failure was reported before.
    } finally {
      this.#recovering = false;
    }
  }

  /** Removes decided entries from the failed store. If that fails, the next removal tries again. */
  async #clearUp(): Promise<void> {
    const decided = [...(this.#leftBehind ?? [])].filter((key) => !this.#entries.has(key));
    if (decided.length === 0 || this.#unanswered > 0) return;
    try {
      await this.#answer(this.#store.remove(decided));
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
