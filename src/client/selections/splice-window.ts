/** What several splices have changed in an array together. */
export class SpliceWindow {
  readonly #array: readonly unknown[];
  /** The items from `#start` to `#end` stand where `#before` was. */
  #start: number;
  #end: number;
  #before: unknown[] = [];

  /** Before the first splice, at `at`. */
  constructor(array: readonly unknown[], at: number) {
    this.#array = array;
    this.#start = at;
    this.#end = at;
  }

  /** `removed` was replaced by `inserted` items, at `at`. */
  splice(at: number, removed: readonly unknown[], inserted: number): void {
    const change = inserted - removed.length;
    const past = at + removed.length;
    const start = Math.min(this.#start, at);
    const end = Math.max(this.#end, past);
    /** The items of the array before this splice. */
    const items = (from: number, to: number): unknown[] => [
      ...this.#array.slice(from, Math.max(from, Math.min(to, at))),
      ...removed.slice(Math.max(from - at, 0), Math.max(to - at, 0)),
      ...this.#array.slice(Math.max(from, past) + change, Math.max(to, past) + change),
    ];
    this.#before = [...items(start, this.#start), ...this.#before, ...items(this.#end, end)];
    this.#start = start;
    this.#end = end + change;
  }

  /** Where `removed` items became `inserted` ones; undefined: the array is as it was. */
  get change(): { at: number; removed: number; inserted: number } | undefined {
    const before = this.#before;
    let at = this.#start;
    let removed = before.length;
    let inserted = this.#end - at;
    for (let first = 0; removed > 0 && inserted > 0 && before[first] === this.#array[at]; first++, at++) {
      removed--;
      inserted--;
    }
    const first = at - this.#start;
    while (removed > 0 && inserted > 0 && before[first + removed - 1] === this.#array[at + inserted - 1]) {
      removed--;
      inserted--;
    }
    return removed + inserted === 0 ? undefined : { at, removed, inserted };
  }
}
