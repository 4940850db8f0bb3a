import { closedError } from "./failures.ts";
import type { QueueEntry, QueueStore, StoredBase } from "./store.ts";

/** The content of one scope. */
export interface Kept {
  /** JSON text by key, as another storage has it: so a caller shares no object with the store. A Map keeps the order. */
  readonly entries: Map<string, string>;
  base: StoredBase | undefined;
  clientId: string | undefined;
}

/** Opens a scope of a storage in memory: one that is new is empty. */
export function openMemory(scopes: Map<string, Kept>, scope: string): MemoryQueue {
  let kept = scopes.get(scope);
  if (!kept) scopes.set(scope, (kept = { entries: new Map(), base: undefined, clientId: undefined }));
  return new MemoryQueue(kept);
}

/** The scopes that have a name of the device. */
export function scopesIn(scopes: ReadonlyMap<string, Kept>): string[] {
  return [...scopes].filter(([, { clientId }]) => clientId !== undefined).map(([scope]) => scope);
}

/** See `memoryStore`. */
export class MemoryQueue implements QueueStore {
  readonly durable = false;
  readonly #scope: Kept;
  #closed = false;

  constructor(scope: Kept) {
    this.#scope = scope;
  }

  async load(): Promise<{ entries: QueueEntry[]; base: StoredBase | undefined }> {
    const { entries, base } = this.#kept();
    return {
      entries: Array.from(entries.values(), (text) => JSON.parse(text) as QueueEntry),
      base: base && { ...base },
    };
  }

  async identify(fresh: string): Promise<string> {
    return (this.#kept().clientId ??= fresh);
  }

  async append(entry: QueueEntry): Promise<void> {
    const { entries } = this.#kept();
    if (!entries.has(entry.key)) entries.set(entry.key, JSON.stringify(entry));
  }

  async update(entry: QueueEntry): Promise<boolean> {
    const { entries } = this.#kept();
    const isThere = entries.has(entry.key);
    if (isThere) entries.set(entry.key, JSON.stringify(entry));
    return isThere;
  }

  async remove(keys: readonly string[]): Promise<void> {
    const { entries } = this.#kept();
    for (const key of keys) entries.delete(key);
  }

  async removeUnsent(key: string): Promise<boolean> {
    const { entries } = this.#kept();
    const isUnsent = (JSON.parse(entries.get(key) ?? "{}") as Partial<QueueEntry>).sentAt === 0;
    return isUnsent && entries.delete(key);
  }

  async saveBase(base: StoredBase): Promise<boolean> {
    this.#kept().base = { ...base };
    return true;
  }

  async delete(what: "base" | "everything"): Promise<void> {
    const kept = this.#kept();
    kept.base = undefined;
    if (what === "base") return;
    kept.entries.clear();
    kept.clientId = undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #kept(): Kept {
    if (this.#closed) throw closedError();
    return this.#scope;
  }
}
