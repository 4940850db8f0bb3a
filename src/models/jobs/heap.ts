/** Something that has a place in a heap. */
export interface Placed {
  /** Ascending; `tie` decides where two are equal. */
  order: number;
  tie: number;
  /** Its index in the heap; −1: it is in none. */
  at: number;
}

/** A binary heap of things that are ordered by two numbers. No two have the same: so what is first does not depend on how it was built. */
export class Heap<E extends Placed> {
  readonly #items: E[] = [];

  get size(): number {
    return this.#items.length;
  }

  get first(): E | undefined {
    return this.#items[0];
  }

  /** Inserts it, or moves it where it belongs. */
  set(item: E): void {
    if (item.at < 0) {
      item.at = this.#items.length;
      this.#items.push(item);
    }
    this.#lift(item);
    this.#sink(item);
  }

  delete(item: E): void {
    const { at } = item;
    if (at < 0) return;
    item.at = -1;
    const last = this.#items.pop()!;
    if (last === item) return;
    this.#put(last, at);
    this.#lift(last);
    this.#sink(last);
  }

  #put(item: E, at: number): void {
    this.#items[at] = item;
    item.at = at;
  }

  #lift(item: E): void {
    let { at } = item;
    while (at > 0) {
      const above = this.#items[(at - 1) >> 1]!;
      if (!isBefore(item, above)) break;
      this.#put(above, at);
      at = (at - 1) >> 1;
    }
    this.#put(item, at);
  }

  #sink(item: E): void {
    const items = this.#items;
    let { at } = item;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= items.length) break;
      const right = left + 1;
      const least = right < items.length && isBefore(items[right]!, items[left]!) ? right : left;
      if (!isBefore(items[least]!, item)) break;
      this.#put(items[least]!, at);
      at = least;
    }
    this.#put(item, at);
  }
}

/** Whether `one` comes before `other`. */
export function isBefore(one: Placed, other: Placed): boolean {
  return one.order < other.order || (one.order === other.order && one.tie < other.tie);
}
