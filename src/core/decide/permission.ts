import { permissionFor } from "../../model/index.ts";
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
  return callModel(() => live.fold.state.read((state) => model.forbids(state, who, typed.type)));
}
