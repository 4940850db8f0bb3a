import { upcast } from "../../model/index.ts";
import { type Failure, bounds } from "../../protocol/index.ts";
import { loggedEvent } from "../fold.ts";
import { callModel } from "./model-fault.ts";
import type { Review, TypedDraft } from "./review.ts";

/**
 * Optimistic concurrency: a draft that states `expectedEventId` is refused if another client has
 * touched the same entity since. Events after it are looked at one by one, a bounded number.
 */
export function checkConflict(review: Review, typed: TypedDraft): Failure | undefined {
  const { expectedEventId } = typed;
  const { eventId: head } = review.live.head;
  if (expectedEventId === undefined) {
    if (typed.definition.conflict !== "reject") return undefined;
    return {
      code: "precondition_required",
      layer: "conflict",
      detail: `"${typed.type}" must state expectedEventId: the last event that its author had seen.`,
      errors: [{ field: "expectedEventId", code: "REQUIRED", message: "State the last event you have seen." }],
    };
  }
  if (head - expectedEventId > bounds.conflictEventsMax) {
    return {
      code: "too_stale",
      layer: "conflict",
      detail: `expectedEventId is ${head - expectedEventId} events old, and at most ${bounds.conflictEventsMax} are looked at: sync, look again, and submit anew.`,
    };
  }
  const entity = entityOf(review, typed.type, typed.event.payload);
  const conflicting: number[] = [];
  for (const row of review.ports.storage.events.after(expectedEventId, bounds.conflictEventsMax)) {
    if (row.clientId === review.clientId && row.principal === review.author.principal) continue;
    const logged = loggedEvent(row);
    const definition = review.model.eventType(row.type);
    const other =
      definition &&
      entityOf(
        review,
        row.type,
        callModel(() => upcast(definition, logged).payload),
      );
    // An event without an entity touches everything.
    if (entity === undefined || other === undefined || entity === other) conflicting.push(row.eventId);
    if (conflicting.length === bounds.conflictIdsMax) break;
  }
  if (conflicting.length === 0) return undefined;
  return {
    code: "conflict",
    layer: "conflict",
    detail: "Others have changed the same since expectedEventId: sync, look again, and submit anew.",
    conflictingEventIds: conflicting,
    errors: [{ field: "expectedEventId", code: "STALE", message: `Event ${conflicting[0]} came first.` }],
  };
}

function entityOf(review: Review, type: string, payload: unknown): string | undefined {
  return callModel(() => review.model.eventType(type)?.entity?.({ type, payload: payload as never }));
}
