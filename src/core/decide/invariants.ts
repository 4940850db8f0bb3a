import { invariantViolations } from "../../model/index.ts";
import type { Failure } from "../../protocol/index.ts";
import { callModel } from "./model-fault.ts";
import type { Review } from "./review.ts";

/** The model's invariants, over the state with the event in it. */
export function checkInvariants(review: Review): Failure | undefined {
  if (!review.model.invariants) return undefined;
  const errors = callModel(() => invariantViolations(review.model, review.live.fold.state));
  if (errors.length === 0) return undefined;
  return {
    code: "invariant_violated",
    layer: "invariant",
    detail: errors[0]!.message,
    errors,
  };
}
