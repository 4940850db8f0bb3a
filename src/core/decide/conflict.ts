import { type ModelEvent, upcast } from "../../model/index.ts";
import { type Failure, type JsonObject, bounds } from "../../protocol/index.ts";
import type { EventRow } from "../../storage/port.ts";
import { loggedEvent } from "../fold.ts";
import { callModel } from "./model-fault.ts";
import type { Review, TypedDraft } from "./review.ts";

/** Events that are considered for one unit of work: about 20 ns each, once their entities are known. */
export const consideredPerUnit = 16;

/**
 * Optimistic concurrency: a draft that states `expectedEventId` is refused if another client has touched the same
 * entity since. The events after it are considered one by one, a bounded number of bounded size.
 */
export function checkConflict(review: Review, typed: TypedDraft): Failure | undefined {
  const { expectedEventId } = typed;
  const { conflict = "last-write-wins" } = typed.definition;
  if (expectedEventId === undefined) return conflict === "last-write-wins" ? undefined : mustExpect(typed);
  if (conflict === "transform") return undefined;
  const { live, ports } = review;
  const since = live.recent.after(ports.storage, expectedEventId, live.head.appendedEventId);
  if (!since) return tooStale(live.head.appendedEventId - expectedEventId);
  const entity = entityOf(review, typed.type, typed.event.payload);
  const conflicting: number[] = [];
  let considered = 0;
  for (const event of since) {
    considered++;
    if (event.clientId === review.clientId && event.submitter === review.author.principal) continue;
    if (entity !== undefined) {
      const keeps = review.model.eventType(event.type)?.transform !== undefined;
      const other = event.entity((row) => entityOfRow(review, row), keeps);
      // An event without an entity touches everything.
      if (other !== undefined && other !== entity) continue;
    }
    conflicting.push(event.eventId);
    if (conflicting.length === bounds.conflictIdsMax) break;
  }
  review.meter.add(Math.ceil(considered / consideredPerUnit));
  if (conflicting.length === 0) return undefined;
  return {
    code: "conflict",
    layer: "conflict",
    detail: "Others have changed the same since expectedEventId: sync, look again, and submit anew.",
    conflictingEventIds: conflicting,
    errors: [{ field: "expectedEventId", code: "STALE", message: `Event ${conflicting[0]} came first.` }],
  };
}

function mustExpect({ type }: TypedDraft): Failure {
  return {
    code: "precondition_required",
    layer: "conflict",
    detail: `"${type}" must state expectedEventId: the last event that its author had seen.`,
    errors: [{ field: "expectedEventId", code: "REQUIRED", message: "State the last event you have seen." }],
  };
}

/** Why events after `expectedEventId` are not looked at. */
export function tooStale(age: number): Failure {
  const most =
    age > bounds.conflictEventsMax
      ? `at most ${bounds.conflictEventsMax} are looked at`
      : `of the newest events at most ${bounds.conflictBytesMax / 1024 / 1024} MiB are looked at`;
  return {
    code: "too_stale",
    layer: "conflict",
    detail: `expectedEventId is ${age} events old, and ${most}: sync, look again, and submit anew.`,
  };
}

/** The entity of an event of the log, in the version of the model today. */
export function entityOfRow(review: Review, row: EventRow): string | undefined {
  const event = currentEvent(review, row);
  return event && entityOf(review, row.type, event.payload);
}

/** An event of the log in the version of the model today; undefined: the model does not have its type. */
export function currentEvent({ model, authors }: Review, row: EventRow): ModelEvent<JsonObject> | undefined {
  const definition = model.eventType(row.type);
  if (!definition) return undefined;
  const logged = loggedEvent(row, authors);
  return callModel(() => upcast(definition, logged));
}

/** What an event changes; undefined: everything. */
export function entityOf(review: Review, type: string, payload: unknown): string | undefined {
  return callModel(() => review.model.eventType(type)?.entity?.({ type, payload: payload as never }));
}
