import type { Container } from "./journal.ts";
import { State } from "./state.ts";
import { Weight } from "./weight.ts";

/** A state that knows what it takes in memory, as servers hold it. */
export class WeighedState<S extends object> extends State<S> {
  readonly #weight: Weight;

  constructor(root: S) {
    const weight = new Weight();
    weight.added(root as Container);
    super(root, { watcher: weight });
    this.#weight = weight;
  }

  /** What it takes in memory, in bytes, see `Weight`. */
  get weight(): number {
    return this.#weight.total;
  }
}
