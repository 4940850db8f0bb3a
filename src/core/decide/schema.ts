import { en } from "zod/locales";
import * as z from "zod/mini";
import {
  type AnyModel,
  type EventDefinition,
  type ModelEvent,
  newestVersionOf,
  olderViolations,
  payloadViolations,
  schemaError,
  upcast,
} from "../../model/index.ts";
import {
  eventShape,
  expectedEventIdShape,
  type Failure,
  isBareEvent,
  type JsonObject,
  violationsOf,
  bounds,
  type Violation,
} from "../../protocol/index.ts";
import { callModel } from "./model-fault.ts";
import { isPlainlyValid } from "./plain-schema.ts";
import type { Review, TypedDraft } from "./review.ts";

z.config(en());

const versionShape = eventShape.shape.version;
const bareShape = { success: true, data: { version: undefined } } as const;
const notExpected = { success: true, data: undefined } as const;

/** The shape of the event, its version, and the payload's own schema. All violations are listed at once. */
export function checkSchema(review: Review): Failure | TypedDraft {
  const { event: raw, expectedEventId, annotations, unfit } = review.draft;
  if (unfit) return unfit;
  const definition = review.model.eventType(raw.type);
  if (!definition) {
    return unknownType(raw.type, review.model);
  }

  const shape = isBareEvent(raw) ? bareShape : eventShape.safeParse(raw);
  const violations: Violation[] = shape.success ? [] : violationsOf(shape.error.issues, [], schemaError);
  const expected = expectedEventId === undefined ? notExpected : expectedEventIdShape.safeParse(expectedEventId);
  if (!expected.success) violations.push(...violationsOf(expected.error.issues, ["expectedEventId"], schemaError));
  else if (expected.data !== undefined && expected.data > review.live.head.eventId) {
    violations.push({
      field: "expectedEventId",
      code: schemaError,
      message: `The log ends at event ${review.live.head.eventId}: an event that is not there cannot be expected.`,
    });
  }

  const current = newestVersionOf(definition);
  // A version that is none is a violation by itself; the payload is then looked at as of the current one.
  const stated = shape.success ? shape.data.version : versionShape.safeParse(raw["version"]).data;
  const version = raw["version"] !== undefined && stated === undefined ? definition.version : stated;
  if (version !== undefined && version > current) return unknownVersion(raw.type, version, current);
  if (raw["partition"] !== undefined && raw["partition"] !== review.partition) {
    return {
      code: "partition_mismatch",
      layer: "schema",
      detail: `This is partition "${review.partition}": leave event.partition out, or send the event to its own partition.`,
      errors: [{ field: "partition", code: schemaError, message: "Not the name of this partition." }],
    };
  }

  let event: ModelEvent<JsonObject> | undefined;
  const before = violations.length;
  if (isPayload(raw["payload"])) {
    const logged = {
      type: raw.type,
      version,
      payload: raw["payload"],
      timestamp: Math.max(review.now, review.live.head.timestamp),
      clientId: review.model.shownClientId(review.clientId),
      author: review.authors.of(review.author.principal),
      label: annotations?.label,
      userId: annotations?.userId,
      meta: annotations?.meta,
    };
    if (definition.olderPayloads) {
      violations.push(...callModel(() => olderViolations(definition, version ?? 1, logged.payload)));
    }
    try {
      if (violations.length === before) event = upcast(definition, logged);
    } catch {
      // An upcaster is written for payloads of its version only, and the schema of that need not be given.
      violations.push({ field: "payload", code: schemaError, message: `Not a payload of version ${version ?? 1}.` });
    }
    if (event) {
      const { payload } = event;
      violations.push(...callModel(() => newViolations(definition, payload)));
    }
  }

  if (violations.length > 0 || !event) {
    return {
      code: "validation_failed",
      layer: "schema",
      detail: "The event does not have the shape that its type asks for: see errors.",
      errors: violations.slice(0, bounds.violationsMax),
    };
  }
  return {
    definition: definition as EventDefinition<object, never>,
    type: raw.type,
    version,
    expectedEventId: expected.data,
    payload: raw["payload"] as JsonObject,
    event,
  };
}

/** How a payload of the current version violates its schema. */
function newViolations(
  definition: Pick<EventDefinition<object, z.core.$ZodType>, "payload">,
  payload: JsonObject,
): readonly Violation[] {
  return isPlainlyValid(definition.payload, payload) ? noViolations : payloadViolations(definition, payload);
}

const noViolations: readonly Violation[] = [];

function isPayload(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unknownType(type: string, { events, internalTypes }: AnyModel): Failure {
  const known = Object.keys(events).filter((name) => !internalTypes.includes(name));
  const shown = type.length > bounds.typeLengthMax ? `${type.slice(0, bounds.typeLengthMax).toWellFormed()}…` : type;
  return {
    code: "unknown_event_type",
    layer: "schema",
    detail: `There is no event type "${shown}" here; the model has ${known.join(", ")}.`,
    errors: [{ field: "type", code: schemaError, message: "Not an event type of this partition's model." }],
  };
}

function unknownVersion(type: string, version: number, current: number): Failure {
  return {
    code: "unknown_event_version",
    layer: "schema",
    detail: `Version ${version} of "${type}" is not known here; the newest is ${current}.`,
    errors: [{ field: "version", code: schemaError, message: `Use a version from 1 to ${current}.` }],
  };
}
