import type { SagaEnd } from "../../model/sagas/index.ts";
import type { ErrorCode } from "../../protocol/index.ts";
import type { Measure } from "../measure.ts";
import type { Outcome } from "../replies.ts";

const keyReused: ErrorCode = "idempotency_key_reused";

/** What a window counts, held back until it is committed. */
export class WindowCounts {
  #replays = 0;
  #reusedKeys = 0;
  readonly #rejections: string[] = [];
  readonly #refusals: string[] = [];
  readonly #sagaEnds: SagaEnd[] = [];

  outcome(outcome: Outcome): void {
    if (outcome.kind === "refused") {
      this.refused(outcome.failure.code);
      return;
    }
    const { results } = outcome.verdict;
    if (outcome.replayed) {
      const isOther = results.some((result) => result.kind === "rejected" && result.failure.code === keyReused);
      if (isOther) this.#reusedKeys++;
      else this.#replays++;
      return;
    }
    for (const result of results) {
      if (result.kind === "rejected") this.#rejections.push(result.failure.code);
      else if (result.kind === "not_processed" && result.failure) this.refused(result.failure.code);
    }
  }

  refused(code: string): void {
    if (code === keyReused) this.#reusedKeys++;
    else this.#refusals.push(code);
  }

  sagaEnded(end: SagaEnd): void {
    this.#sagaEnds.push(end);
  }

  clear(): void {
    this.#replays = 0;
    this.#reusedKeys = 0;
    this.#rejections.length = 0;
    this.#refusals.length = 0;
    this.#sagaEnds.length = 0;
  }

  /** `failed`: called with the id of each saga that stands still now. */
  report(measure: Measure, failed: (saga: string) => void): void {
    if (this.#replays > 0) measure("replays", this.#replays);
    if (this.#reusedKeys > 0) measure("reused_keys", this.#reusedKeys);
    for (const code of this.#rejections) measure("rejections", 1, code);
    for (const code of this.#refusals) measure("refusals", 1, code);
    for (const { saga, status } of this.#sagaEnds) {
      measure("saga_ends", 1, status);
      if (status === "FAILED") failed(saga);
    }
  }
}
