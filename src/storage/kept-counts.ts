const key = "counts";

/** Figures that an object keeps in its storage as one value: a write is one billed row. */
export class KeptCounts {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Undefined: none were kept. */
  get(): Record<string, number> | undefined {
    return this.#storage.kv.get<Record<string, number>>(key);
  }

  put(counts: Readonly<Record<string, number>>): void {
    this.#storage.kv.put(key, counts);
  }
}
