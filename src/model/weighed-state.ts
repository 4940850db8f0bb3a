import { bounds } from "../protocol/bounds.ts";
import { canonicalJson } from "../protocol/canonical.ts";
import type { Json } from "../protocol/json.ts";
import type { Container } from "./journal.ts";
import { State } from "./state.ts";
import { type StateView, StateViews } from "./state-view.ts";
import { textExceeds } from "./text-length.ts";
import type { StateWatcher } from "./watcher.ts";
import { Weight } from "./weight.ts";

/** A state as servers hold it: it knows what it takes in memory, and can be read piece by piece while it changes. */
export class WeighedState<S extends object> extends State<S> {
  readonly #root: S;
  readonly #weight: Weight;
  readonly #views: StateViews;
  /** The work when the first of the present proxies was made. */
  #workAtProxies = 0;

  constructor(root: S) {
    const weight = new Weight();
    weight.added(root as Container);
    const views = new StateViews(root, (object) => weight.keysOf(object), {
      viewSavedBytesMax: bounds.viewSavedBytesMax,
      viewsSavedBytesMax: bounds.viewsSavedBytesMax,
    });
    super(root, { watcher: new Both(weight, views) });
    this.#root = root;
    this.#weight = weight;
    this.#views = views;
  }

  override forget(): void {
    super.forget();
    // Each proxy that was made has counted as work: so there are at most as many.
    if (this.work - this.#workAtProxies <= bounds.stateProxiesMax) return;
    this.proxies = new WeakMap();
    this.#workAtProxies = this.work;
  }

  /** The state as canonical JSON text: equal for equal states. */
  canonical(): string {
    return canonicalJson(this.#root as unknown as Json);
  }

  /** The same, if it has at most about `max` characters; undefined: it has more. Then it costs no more than these. */
  canonicalWithin(max: number): string | undefined {
    return textExceeds(this.#root, max) ? undefined : this.canonical();
  }

  /** What it takes in memory, in bytes, see `Weight`. */
  get weight(): number {
    return this.#weight.total;
  }

  /**
   * The text of the state as it is now, piece by piece, see `StateView`. It must be read to its end, or closed: then
   * `closed` is called.
   */
  view(closed: () => void = () => {}): StateView {
    return this.#views.open(closed);
  }
}

class Both implements StateWatcher {
  readonly #weight: Weight;
  readonly #views: StateViews;

  constructor(weight: Weight, views: StateViews) {
    this.#weight = weight;
    this.#views = views;
  }

  property(container: Record<string, unknown>, key: string, old: unknown, value: unknown): void {
    this.#views.property(container, key, old);
    this.#weight.property(container, key, old, value);
  }

  splice(array: unknown[], at: number, removed: readonly unknown[], inserted: readonly unknown[]): void {
    this.#views.splice(array, at, removed, inserted);
    this.#weight.splice(array, at, removed, inserted);
  }

  added(container: Container): void {
    this.#weight.added(container);
  }

  released(containers: Set<object>): () => void {
    const before = this.#weight.total;
    const undo = this.#weight.released(containers);
    this.#views.released(before - this.#weight.total);
    return undo;
  }
}
