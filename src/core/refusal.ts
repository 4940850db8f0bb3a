import type { Failure } from "../protocol/index.ts";

/** Ends a request with a failure that is to be told. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.detail);
    this.failure = failure;
  }
}
