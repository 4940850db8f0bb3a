/** One thing that is due at a time. */
interface Due {
  readonly name: string;
  readonly at: number;
}

/**
 * What is due, by name, as a binary heap: what comes next is known at once, and a change takes the logarithm of their
 * number. What is due at the same time is in the order of the names, so that it is the same after a restart.
 */
export class DueHeap {
  readonly #heap: Due[] = [];
  /** Where each name is in the heap. */
  readonly #places = new Map<string, number>();

  get size(): number {
    return this.#heap.length;
  }

  /** When the next one is due; undefined: there is none. */
  get next(): number | undefined {
    return this.#heap[0]?.at;
  }

  /** Makes `name` due at `at`, and at no other time. */
  set(name: string, at: number): void {
    const place = this.#places.get(name) ?? this.#heap.length;
    this.#put(place, { name, at });
    this.#lift(place);
    this.#sink(this.#places.get(name)!);
  }

  delete(name: string): void {
    const place = this.#places.get(name);
    if (place === undefined) return;
    this.#places.delete(name);
    const last = this.#heap.pop()!;
    if (place === this.#heap.length) return;
    this.#put(place, last);
    this.#lift(place);
    this.#sink(this.#places.get(last.name)!);
  }

  /** Those that are due at `now`, earliest first, at most `limit`. */
  due(now: number, limit: number): string[] {
    const found: Due[] = [];
    for (let first; found.length < limit && (first = this.#heap[0]) && first.at <= now;) {
      found.push(first);
      this.delete(first.name);
    }
    for (const { name, at } of found) this.set(name, at);
    return found.map(({ name }) => name);
  }

  #put(place: number, due: Due): void {
    this.#heap[place] = due;
    this.#places.set(due.name, place);
  }

  #swap(one: number, other: number): void {
    const due = this.#heap[one]!;
    this.#put(one, this.#heap[other]!);
    this.#put(other, due);
  }

  #lift(from: number): void {
    for (let place = from; place > 0;) {
      const above = (place - 1) >> 1;
      if (!isBefore(this.#heap[place]!, this.#heap[above]!)) return;
      this.#swap(place, above);
      place = above;
    }
  }

  #sink(from: number): void {
    for (let place = from; ;) {
      const left = 2 * place + 1;
      const right = left + 1;
      if (left >= this.#heap.length) return;
      const least = right < this.#heap.length && isBefore(this.#heap[right]!, this.#heap[left]!) ? right : left;
      if (!isBefore(this.#heap[least]!, this.#heap[place]!)) return;
      this.#swap(place, least);
      place = least;
    }
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.at < other.at || (one.at === other.at && one.name < other.name);
}
