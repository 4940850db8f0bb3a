import { internalOnly, permissionFor } from "../../model/index.ts";
import { type Failure, allows, isServerCode, userIdOf } from "../../protocol/index.ts";
import { callModel } from "./model-fault.ts";
import type { Review, TypedDraft } from "./review.ts";

/**
 * Whether the author may submit this type, by the token and by the state. What is not granted is denied. The server itself
 * may submit every type, and code of the deployment all but the internal ones: it is code of the application, and
 * `authorize` says what users may do.
 */
export function checkPermission(review: Review, typed: TypedDraft): Failure | undefined {
  if (review.author.system) {
    return typed.definition.internal && isServerCode(review.author) ? internalOnly(typed.type) : undefined;
  }
  if (typed.definition.internal) return internalOnly(typed.type);
  const foreign = foreignIdentity(review);
  if (foreign) return foreign;
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

/** Why a draft is refused that names another client or user than its author is. */
function foreignIdentity({ draft, clientId, author }: Review): Failure | undefined {
  if (draft.clientId !== undefined && draft.clientId !== clientId) {
    return notYours("meta.clientId", "This is not the client id of this connection.");
  }
  const own = userIdOf(author);
  const named = draft.annotations?.userId;
  if (named === undefined || own === undefined || named === own) return undefined;
  return notYours("userId", "This is not the user that the token names.");
}

function notYours(field: string, message: string): Failure {
  return { code: "forbidden", layer: "permission", detail: message, errors: [{ field, code: "NOT_YOURS", message }] };
}
