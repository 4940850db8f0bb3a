import type { Failure } from "../../protocol/index.ts";
import { checkConflict } from "./conflict.ts";
import { checkPermission } from "./permission.ts";
import type { Review, TypedDraft } from "./review.ts";
import { checkRules } from "./rules.ts";
import { checkSchema } from "./schema.ts";

/** The stages that only look, in order; the first that fails decides. */
export function check(review: Review): Failure | TypedDraft {
  const typed = checkSchema(review);
  if ("code" in typed) return typed;
  return checkPermission(review, typed) ?? checkConflict(review, typed) ?? checkRules(review, typed) ?? typed;
}
