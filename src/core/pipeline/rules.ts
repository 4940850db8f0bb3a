import { type Failure, limits } from "../../protocol/index.ts";
import { callModel } from "../model-fault.ts";
import type { Review, TypedDraft } from "./review.ts";

/** The model's business rules: what in the present state speaks against the event. */
export function checkRules(review: Review, typed: TypedDraft): Failure | undefined {
  const { state, head } = review.live;
  const context = { ...state.context, head, principal: review.author.principal };
  const list = callModel(() =>
    state.read((view) => {
      const objections = typed.definition.validate?.(view as never, typed.event as never, context);
      // Copied field by field: what a validator returns may be a view of the state.
      return [objections ?? []].flat().map(({ field, code, message }) => ({ field, code, message }));
    }),
  );
  if (list.length === 0) return undefined;
  return {
    code: "validation_failed",
    layer: "rule",
    detail: "The event does not fit the present state: see errors.",
    errors: list.slice(0, limits.violationsMax),
  };
}
