import type { ReduceContext } from "../define.ts";
import type { DerivedHost } from "../state-index.ts";
import { type SagaRun, type Sagas } from "./state.ts";

/**
 * The ids of the sagas of a state in the order of their characters, derived from it: so a page of them costs what is on it,
 * and begins after any id, also after that of a saga that is forgotten.
 */
export class SagaIds {
  readonly #ids: string[];
  readonly #host: DerivedHost;

  constructor(runs: Readonly<Record<string, SagaRun>>, host: DerivedHost) {
    this.#ids = Object.keys(runs).sort();
    this.#host = host;
  }

  /** At most `count` ids after `id`; undefined: the first ones. */
  after(id: string | undefined, count: number): readonly string[] {
    const from = id === undefined ? 0 : this.#placeAfter(id);
    const found = this.#ids.slice(from, from + count);
    this.#host.count(1 + found.length);
    return found;
  }

  /** A new id. */
  add(id: string): void {
    this.#host.journal(() => this.#delete(id));
    this.#ids.splice(this.#placeAfter(id), 0, id);
  }

  /** An id that it has. */
  remove(id: string): void {
    this.#host.journal(() => this.#ids.splice(this.#placeAfter(id), 0, id));
    this.#delete(id);
  }

  #delete(id: string): void {
    this.#ids.splice(this.#placeAfter(id) - 1, 1);
  }

  /** How many ids are not after this one. */
  #placeAfter(id: string): number {
    let from = 0;
    let to = this.#ids.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#ids[middle]! <= id) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** The ids of the sagas of a state. */
export function idsOf({ runs }: Pick<Sagas, "runs">, context: Pick<ReduceContext, "derive">): SagaIds {
  return context.derive(runs, "ids", (container, host) => new SagaIds(container, host));
}
