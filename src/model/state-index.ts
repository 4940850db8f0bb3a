/** What an index needs of the state it belongs to. */
export interface StateIndexHost<V> {
  /** Counts an access. */
  count(): void;
  /** The value as a reducer sees it: a container as its proxy. Counts the access. */
  wrap(value: V | undefined): V | undefined;
  /** The value as it is stored: a proxy as its container. */
  unwrap<T>(value: T): T;
  /** Journals the undo of a change, and counts it. Throws if changes are not allowed. */
  journal(undo: () => void): void;
}

/** A map that is derived from the state and journaled with it, made by `ReduceContext.index`. */
export class StateIndex<V> {
  readonly #entries: Map<string, V>;
  readonly #host: StateIndexHost<V>;

  /** @internal */
  constructor(entries: Iterable<readonly [string, V]>, host: StateIndexHost<V>) {
    this.#entries = new Map(entries);
    this.#host = host;
  }

  get(key: string): V | undefined {
    return this.#host.wrap(this.#entries.get(key));
  }

  has(key: string): boolean {
    this.#host.count();
    return this.#entries.has(key);
  }

  set(key: string, value: V): void {
    this.#journalEntry(key);
    this.#entries.set(key, this.#host.unwrap(value));
  }

  /** Like `set(key, array[at])`, but without a proxy for the item, which would be most of the cost. */
  setItem(key: string, array: readonly V[], at: number): void {
    this.#journalEntry(key);
    this.#entries.set(key, this.#host.unwrap(array)[at]!);
  }

  delete(key: string): void {
    this.#journalEntry(key);
    this.#entries.delete(key);
  }

  #journalEntry(key: string): void {
    const entries = this.#entries;
    const old = entries.get(key);
    this.#host.journal(() => {
      if (old === undefined) entries.delete(key);
      else entries.set(key, old);
    });
  }
}
