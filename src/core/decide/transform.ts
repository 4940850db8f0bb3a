import type { ModelEvent, Objection } from "../../model/index.ts";
import { bounds, draftBounds, exceedsUtf8, type Failure, type JsonObject } from "../../protocol/index.ts";
import { consideredPerUnit, currentEvent, entityOf, entityOfRow, tooStale } from "./conflict.ts";
import { callModel } from "./model-fault.ts";
import type { Review, TypedDraft } from "./review.ts";

/**
 * The work of mapping a draft over one event, beside one unit for each part of both: 5 to 20 µs for a letter over a letter,
 * and 0.04 to 0.3 µs a part (measured with 1 to 5,000 parts; a unit stands for half a microsecond).
 */
const unitsOfMapping = 8;
/** Bytes of a payload that is parsed for one unit, because the event is too large to be kept parsed. */
const parsedBytesPerUnit = 128;

/**
 * Maps a draft over the events that were committed since the one that it was made on, and over the members of its
 * atomic batch before it. The stages after this one, and the log, have the result, in the current version of the type.
 */
export function transformDraft(review: Review, typed: TypedDraft): TypedDraft | Failure {
  const { definition, type, event } = typed;
  const { transform } = definition;
  if (!transform) return typed;
  const entity = entityOf(review, type, event.payload);
  const others = othersOf(review, typed.expectedEventId!, entity);
  if (!Array.isArray(others)) return others;

  let { payload } = event;
  let left = bounds.transformWorkMax;
  /** Counts work, unless it is more than is left. */
  const spend = (units: number): boolean => {
    if (units > left) return false;
    left -= units;
    review.meter.add(units);
    return true;
  };
  for (const other of others) {
    // By the size that it has now: where others have typed into what it deletes, it has more parts after each of them.
    if (!spend(unitsOfMapping + sizeOf(review, type, payload) + other.parsing)) return tooMuch(others.length);
    const over = other.event();
    if (!spend(sizeOf(review, over.type, over.payload))) return tooMuch(others.length);
    // Of two events of one client, the earlier one stands first.
    const first = event.clientId < review.model.shownClientId(over.clientId);
    const mapped = callModel(() => transform.map(payload as never, over, first)) as JsonObject | Objection[];
    if (Array.isArray(mapped)) return unfit(mapped);
    payload = mapped;
  }
  if (payload === event.payload) return typed;
  if (exceedsUtf8(JSON.stringify(payload), draftBounds.frameBytesMax)) return tooMuch(others.length);
  const version = (definition.version ?? 1) === 1 ? undefined : definition.version;
  return { ...typed, version, payload, event: { ...event, payload } };
}

/** An event that a draft is mapped over. */
interface Other {
  /** The work of parsing it. */
  readonly parsing: number;
  /** Parses it, if it is not kept parsed. */
  event(): ModelEvent<JsonObject>;
}

/**
 * What is in the log after `expected`, and what is applied and not in the log yet, of the types that are transformed and of
 * this entity.
 */
function othersOf(review: Review, expected: number, entity: string | undefined): Other[] | Failure {
  const { live, ports, model, earlier } = review;
  const last = live.head.appendedEventId;
  const others: Other[] = [];
  const isOther = (other: string | undefined) => entity !== undefined && other !== undefined && other !== entity;
  if (expected < last) {
    const since = live.recent.after(ports.storage, expected, last);
    if (!since) return tooStale(last - expected);
    review.meter.add(Math.ceil(since.length / consideredPerUnit));
    for (const recent of since) {
      if (!model.eventType(recent.type)?.transform) continue;
      if (isOther(recent.entity((row) => entityOfRow(review, row), true))) continue;
      const parsing = recent.isKept ? 0 : Math.ceil(recent.payloadBytes / parsedBytesPerUnit);
      others.push({ parsing, event: () => recent.current((row) => currentEvent(review, row)!) });
    }
  }
  for (const { definition, type, event } of earlier.slice(Math.max(expected - last, 0))) {
    if (definition.transform && !isOther(entityOf(review, type, event.payload)))
      others.push({ parsing: 0, event: () => event });
  }
  return others;
}

/** The size of a payload of a type that is transformed. */
function sizeOf({ model }: Review, type: string, payload: JsonObject): number {
  return callModel(() => model.eventType(type)!.transform!.size(payload as never));
}

/** The draft is not judged by what it would do: its author maps it, and submits it as another one. */
function tooMuch(events: number): Failure {
  return {
    code: "too_stale",
    layer: "conflict",
    detail: `Mapping this draft over the ${events} events since expectedEventId is more than is done for one: sync, map it, and submit it under a new id.`,
  };
}

function unfit(objections: readonly Objection[]): Failure {
  const errors = objections.slice(0, bounds.violationsMax);
  return { code: "validation_failed", layer: "rule", detail: errors[0]!.message, errors };
}
