/** How many keys that are gone a list keeps at least before it is made again. */
const goneMin = 1_024;

/**
 * The keys of a large object, kept up to date: readers go through one list, piece by piece, because an engine gives all
 * keys at once only (13 ms and 800 KB for 100,000).
 */
export class KeyList {
  #keys: string[];
  readonly #gone = new Set<string>();

  /** Owns `keys` from now on. */
  constructor(keys: string[]) {
    this.#keys = keys;
  }

  /**
   * Each key once, and some that are gone. New keys come at the end of the same list; a reader that goes on with it
   * finds all that it had at the beginning.
   */
  get keys(): readonly string[] {
    return this.#keys;
  }

  add(key: string): void {
    // Otherwise it has its place still. The set is mostly empty, and a look-up costs even then.
    if (this.#gone.size === 0 || !this.#gone.delete(key)) this.#keys.push(key);
  }

  remove(key: string): void {
    this.#gone.add(key);
    if (this.#gone.size < goneMin || this.#gone.size * 2 < this.#keys.length) return;
    this.#keys = this.#keys.filter((each) => !this.#gone.has(each));
    this.#gone.clear();
  }
}
