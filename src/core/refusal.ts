import type { Failure, TracedFailure } from "../protocol/index.ts";
import type { Ports } from "./ports.ts";

/** Thrown to end a request with a failure. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** A failure as it is answered: under this trace id, or a new one. */
export function traceFailure(
  failure: Failure,
  { ports, now }: { readonly ports: Ports; readonly now: number },
  traceId = ports.random.traceId(),
): TracedFailure {
  return { ...failure, traceId, timestamp: now };
}
