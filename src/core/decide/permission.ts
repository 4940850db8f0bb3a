import { permissionFor } from "../../model/index.ts";
import { isAuthorized, notAuthorized } from "../../model/who.ts";
import { type Failure, allows } from "../../protocol/index.ts";
import { callModel } from "./model-fault.ts";
import type { Review, TypedDraft } from "./review.ts";

/** Whether the author may submit this type, by the token and by the state. What is not granted is denied. */
export function checkPermission(review: Review, typed: TypedDraft): Failure | undefined {
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
  if (callModel(() => isAuthorized(model, live.fold.state, who, typed.type))) return undefined;
  return notAuthorized(typed.type);
}
