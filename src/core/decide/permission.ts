import { internalOnly, permissionFor } from "../../model/index.ts";
import { type Failure, allows } from "../../protocol/index.ts";
import { callModel } from "./model-fault.ts";
import type { Review, TypedDraft } from "./review.ts";

/**
 * Whether the author may submit this type, by the token and by the state. What is not granted is denied. The server itself
 * may submit every type: its effects are code of the application, and `authorize` says what users may do.
 */
export function checkPermission(review: Review, typed: TypedDraft): Failure | undefined {
  if (review.author.system) return undefined;
  if (typed.definition.internal) return internalOnly(typed.type);
  const needed = permissionFor(review.model, typed.type);
  if (!allows(review.author.permissions, needed)) {
    return {
      code: "forbidden",
      layer: "permission",
      detail: `Submitting "${typed.type}" needs the permission "${needed}".`,
    };
  }
  const { model, live, authors, author } = review;
  if (!model.authorize) return undefined;
  const who = { principal: author.principal, author: authors.of(author.principal) };
  return callModel(() => live.fold.state.read((state) => model.forbids(state, who, typed.type)));
}
