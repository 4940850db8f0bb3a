/** Caches that are cleared together, after each step: only those that hold something, which few do in most steps. */
export class Caches {
  readonly #filled: { clear(): void }[] = [];

  of<K extends object, V>(compute: (key: K) => V): Memo<K, V> {
    return new Memo(compute, (memo) => void this.#filled.push(memo));
  }

  forget(): void {
    for (let memo = this.#filled.pop(); memo; memo = this.#filled.pop()) memo.clear();
  }
}

/** Caches the result for each argument until `clear`. A WeakMap, which needs no `clear`, costs the garbage collector more. */
class Memo<K extends object, V> {
  readonly #known = new Map<K, V>();
  readonly #compute: (key: K) => V;
  readonly #filling: (memo: Memo<K, V>) => void;

  /** `filling` is called at the first result after each `clear`. */
  constructor(compute: (key: K) => V, filling: (memo: Memo<K, V>) => void) {
    this.#compute = compute;
    this.#filling = filling;
  }

  of(key: K): V {
    let value = this.#known.get(key);
    if (value === undefined) {
      value = this.#compute(key);
      if (this.#known.size === 0) this.#filling(this);
      this.#known.set(key, value);
    }
    return value;
  }

  clear(): void {
    this.#known.clear();
  }
}
