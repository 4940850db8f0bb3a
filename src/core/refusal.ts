import { type Failure, type Problem, problem } from "../protocol/index.ts";
import type { Ports } from "./ports.ts";

/** Ends a request with a failure that is to be told. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** A failure as the problem document that is told: of this partition, under this trace id, or a new one. */
export function problemOf(
  failure: Failure,
  where: { readonly name: { readonly partition: string }; readonly ports: Ports; readonly now: number },
  traceId = where.ports.random.traceId(),
): Problem {
  return problem(failure, {
    instance: `/v1/partitions/${where.name.partition}`,
    traceId,
    timestamp: where.now,
  });
}
