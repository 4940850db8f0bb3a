import type { State } from "../../model/index.ts";
import { bounds, type Failure } from "../../protocol/index.ts";
import { ModelFault } from "./model-fault.ts";

/** Thrown where the work of a draft exceeds its bound. */
class WorkExceeded extends Error {
  override name = "WorkExceeded";
}

/**
 * The work of one draft, in the units of `State.work`: what the model does with the state in rules, reducer,
 * invariants and transform, and what the core does in proportion to what is stored. The count is deterministic, so
 * a draft above its bound is rejected by a stored verdict. Folding is never metered.
 */
export class Meter {
  readonly #state: State<object>;
  /** What the members of its atomic batch have taken before it. */
  readonly #ofBatch: number;
  readonly #max: number;
  #counted = 0;

  /** `shrinks`: whether the draft is of a type that only makes the state smaller: then it is counted, and has no bound. */
  constructor(state: State<object>, shrinks: boolean, ofBatch: number) {
    this.#state = state;
    this.#ofBatch = ofBatch;
    this.#max = shrinks ? Infinity : Math.min(bounds.draftWorkMax, bounds.batchWorkMax - ofBatch);
  }

  /** What this draft took of the bound of its batch: nothing if it only shrinks the state. */
  get taken(): number {
    return this.#max === Infinity ? 0 : this.#counted;
  }

  /** Runs the review of the draft. Where its work exceeds the bound, the result is that failure. */
  run<T>(review: () => T): T | { failure: Failure } {
    const state = this.#state;
    const before = state.work;
    state.workMax = before + this.#max;
    try {
      return review();
    } catch (error) {
      // The model may have caught the state's error, and thrown another one: the count decides.
      const exceeded = state.work > state.workMax && (error instanceof ModelFault || error instanceof WorkExceeded);
      if (!exceeded) throw error;
      return { failure: this.#failure(state.work - before) };
    } finally {
      this.#counted = state.work - before;
      state.workMax = Infinity;
    }
  }

  /** Counts work that is not done through the state. Throws where that exceeds the bound. */
  add(units: number): void {
    this.#state.work += units;
    this.assert();
  }

  /** Throws where the bound is exceeded: called after the model's code, which may have caught the state's error. */
  assert(): void {
    if (this.#state.work > this.#state.workMax) throw new WorkExceeded();
  }

  #failure(counted: number): Failure {
    const batch = this.#max < bounds.draftWorkMax;
    const work = batch
      ? { counted: this.#ofBatch + counted, max: bounds.batchWorkMax }
      : { counted, max: bounds.draftWorkMax };
    return {
      code: "draft_too_expensive",
      detail: `${batch ? "This batch" : "This draft"} takes more than ${work.max} units of work on the present state: ${batch ? "send fewer drafts together" : "change less with one draft"}.`,
      work,
    };
  }
}
