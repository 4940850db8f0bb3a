import type { ModelEvent, Objection } from "../../model/index.ts";
import { bounds, type Failure, type JsonObject } from "../../protocol/index.ts";
import { currentEvent, entityOf, tooStale } from "./conflict.ts";
import { callModel } from "./model-fault.ts";
import type { Review, TypedDraft } from "./review.ts";

/** The work of mapping a draft over one event, in units of half a microsecond, and how many bytes of both are one more. */
const unitsOfMapping = 8;
const bytesPerUnit = 128;

/** An event that a draft is mapped over. */
interface Other {
  readonly event: ModelEvent<JsonObject>;
  readonly payloadBytes: number;
}

/**
 * Maps a draft over the events that were committed since the one that it was made on, and over the members of its
 * atomic batch before it. The stages after this one, and the log, have the result, in the current version of the type.
 */
export function transformDraft(review: Review, typed: TypedDraft): TypedDraft | Failure {
  const { definition, type, event } = typed;
  const { transform } = definition;
  if (!transform) return typed;
  const others = othersOf(review, typed.expectedEventId!);
  if (!Array.isArray(others)) return others;

  const entity = entityOf(review, type, event.payload);
  const bytes = JSON.stringify(typed.payload).length;
  let { payload } = event;
  for (const other of others) {
    const { type: otherType, payload: otherPayload, clientId } = other.event;
    const otherEntity = entityOf(review, otherType, otherPayload);
    if (entity !== undefined && otherEntity !== undefined && otherEntity !== entity) continue;
    review.meter.add(unitsOfMapping + Math.ceil((bytes + other.payloadBytes) / bytesPerUnit));
    // Of two events of one client, the earlier one stands first.
    const first = event.clientId < review.model.shownClientId(clientId);
    const mapped = callModel(() => transform.map(payload as never, other.event, first)) as JsonObject | Objection[];
    if (Array.isArray(mapped)) return unfit(mapped);
    payload = mapped;
  }
  if (payload === event.payload) return typed;
  const version = (definition.version ?? 1) === 1 ? undefined : definition.version;
  return { ...typed, version, payload, event: { ...event, payload } };
}

/** What is in the log after `expected`, and what is applied and not in the log yet, of the types that are transformed. */
function othersOf(review: Review, expected: number): Other[] | Failure {
  const { live, ports, model, earlier } = review;
  const last = live.head.appendedEventId;
  const others: Other[] = [];
  if (expected < last) {
    const since = live.recent.after(ports.storage, expected, last);
    if (!since) return tooStale(last - expected);
    for (const recent of since) {
      if (!model.eventType(recent.type)?.transform) continue;
      const event = recent.current((row) => currentEvent(review, row)!);
      others.push({ event, payloadBytes: recent.payloadBytes });
    }
  }
  for (const { definition, event, payload } of earlier.slice(Math.max(expected - last, 0))) {
    if (definition.transform) others.push({ event, payloadBytes: JSON.stringify(payload).length });
  }
  return others;
}

function unfit(objections: readonly Objection[]): Failure {
  const errors = objections.slice(0, bounds.violationsMax);
  return { code: "validation_failed", layer: "rule", detail: errors[0]!.message, errors };
}
