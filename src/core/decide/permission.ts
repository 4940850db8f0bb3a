import { permissionFor } from "../../model/index.ts";
import { type Failure, allows } from "../../protocol/index.ts";
import type { Review, TypedDraft } from "./review.ts";

/** Whether the author may submit this type. What is not granted is denied. */
export function checkPermission(review: Review, typed: TypedDraft): Failure | undefined {
  const needed = permissionFor(review.model, typed.type);
  if (allows(review.author.permissions, needed)) return undefined;
  return {
    code: "forbidden",
    layer: "permission",
    detail: `Submitting "${typed.type}" needs the permission "${needed}".`,
  };
}
