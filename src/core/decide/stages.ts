import type { Author, Failure } from "../../protocol/index.ts";
import type { Draft } from "../commands.ts";
import type { WindowContext } from "../window/context.ts";
import { checkConflict } from "./conflict.ts";
import { checkPermission } from "./permission.ts";
import type { Review, TypedDraft } from "./review.ts";
import { checkRules } from "./rules.ts";
import { checkSchema } from "./schema.ts";
import { transformDraft } from "./transform.ts";

/** The stages before the commit, in order; the first that fails decides. Returns the draft as it is to be committed. */
export function check(review: Review): Failure | TypedDraft {
  const typed = checkSchema(review);
  if ("code" in typed) return typed;
  const failure = checkPermission(review, typed) ?? checkConflict(review, typed);
  if (failure) return failure;
  const transformed = transformDraft(review, typed);
  return checkRules(review, transformed) ?? transformed;
}

/** What the stages of a draft work with. */
export function reviewOf(context: WindowContext, author: Author, clientId: string, draft: Draft): Review {
  const { name, model, live, incarnation, ports, transform, now } = context;
  return { partition: name.partition, model, live, incarnation, ports, transform, author, clientId, draft, now };
}
