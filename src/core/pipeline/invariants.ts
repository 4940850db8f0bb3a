import type { Failure } from "../../protocol/index.ts";
import { callModel } from "../model-fault.ts";
import type { Review } from "./review.ts";

/** The model's invariants, over the state with the event in it. */
export function checkInvariants(review: Review): Failure | undefined {
  const { invariants } = review.model;
  if (!invariants) return undefined;
  const broken = callModel(() =>
    review.live.state.read((view) =>
      Object.entries(invariants)
        .filter(([, holds]) => !holds(view))
        .map(([name]) => name),
    ),
  );
  if (broken.length === 0) return undefined;
  return {
    code: "invariant_violated",
    layer: "invariant",
    detail: "The event would break a rule that always holds here: see errors.",
    errors: broken.map((name) => ({ field: "", code: "INVARIANT", message: name })),
  };
}
