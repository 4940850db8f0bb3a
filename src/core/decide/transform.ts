import { upcast } from "../../model/index.ts";
import { callModel } from "./model-fault.ts";
import type { Review, Transform, TypedDraft } from "./review.ts";

/** What is submitted is committed: no event type of a model says otherwise. */
export const unchanged: Transform = (_, typed) => typed.payload;

/** Rebases a draft onto the events that it does not know. The stages after this one, and the log, have the result. */
export function transformDraft(review: Review, typed: TypedDraft): TypedDraft {
  const payload = callModel(() => review.transform(review, typed));
  if (payload === typed.payload) return typed;
  const { definition, type, version, event } = typed;
  const { timestamp, clientId, author } = event;
  const logged = { type, ...(version === undefined ? {} : { version }), payload, timestamp, clientId, author };
  const current = callModel(() => upcast(definition, logged));
  return { ...typed, payload, event: current };
}
