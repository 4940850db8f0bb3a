import { ruleViolations } from "../../model/index.ts";
import type { Failure } from "../../protocol/index.ts";
import { callModel } from "./model-fault.ts";
import type { Review, TypedDraft } from "./review.ts";

/** The model's business rules: what in the present state speaks against the event. */
export function checkRules(review: Review, typed: TypedDraft): Failure | undefined {
  const { head, fold } = review.live;
  const { partition, author } = review;
  const at = { head: head.eventId, principal: author.principal, partition };
  const errors = callModel(() => ruleViolations(typed.definition, fold.state, typed.event, at));
  if (errors.length === 0) return undefined;
  return {
    code: "validation_failed",
    layer: "rule",
    detail: errors[0]!.message,
    errors,
  };
}
