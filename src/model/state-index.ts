/** What a structure that is derived from the state needs of it. */
export interface DerivedHost {
  /** Counts work, in units of `State.work`. */
  count(units: number): void;
  /** The value as a reducer sees it: a container as its proxy. Counts the access. */
  wrap<T>(value: T): T;
  /** The value as it is stored: a proxy as its container. */
  unwrap<T>(value: T): T;
  /** Journals the undo of a change, and counts it. Throws if changes are not allowed. */
  journal(undo: () => void): void;
  /** Called by a structure that is `inParts`, before it uses a part of its own. */
  reads?(of: object, part: string): void;
  /** Called by a structure that is `inParts`, for each part of its own that it changes, before it journals the change. */
  writes?(of: object, part: string): void;
}

/** A map that is derived from the state and journaled with it, made by `ReduceContext.index`. */
export class StateIndex<V> {
  /** Each key is a part. */
  readonly inParts = true;
  readonly #entries: Map<string, V>;
  readonly #host: DerivedHost;

  /** @internal */
  constructor(entries: Iterable<readonly [string, V]>, host: DerivedHost) {
    this.#entries = new Map(entries);
    this.#host = host;
  }

  get(key: string): V | undefined {
    this.#host.reads?.(this, key);
    return this.#host.wrap(this.#entries.get(key));
  }

  has(key: string): boolean {
    this.#host.reads?.(this, key);
    this.#host.count(1);
    return this.#entries.has(key);
  }

  set(key: string, value: V): void {
    this.#journalEntry(key);
    this.#entries.set(key, this.#host.unwrap(value));
  }

  delete(key: string): void {
    this.#journalEntry(key);
    this.#entries.delete(key);
  }

  #journalEntry(key: string): void {
    const entries = this.#entries;
    this.#host.writes?.(this, key);
    const old = entries.get(key);
    this.#host.journal(() => {
      if (old === undefined) entries.delete(key);
      else entries.set(key, old);
    });
  }
}
