import type { Draft } from "../../core/index.ts";
import {
  annotationsOf,
  bounds,
  type Failure,
  insiemeScope,
  isJsonObject,
  type Json,
  type JsonObject,
  schemaError,
  utf8Length,
  type Violation,
} from "../../protocol/index.ts";

/** An id of an event on this wire: the characters of its clients, without those that no log line can have. */
const itemId = /^[^\p{Cc}]+$/u;
/** The ids of events that were not submitted on this wire: no draft of this wire may take one. */
const eventNames = /^evt-\d+$/;

/** Whether it can be the key of a draft: 1 to 128 characters, none of them a control character. */
export function isItemId(id: unknown): id is string {
  return typeof id === "string" && id.length <= bounds.idLengthMax && itemId.test(id);
}

/** The draft of an item of `submit_events` that has an id. What is wrong with it is in its `unfit`: it is rejected for that. */
export function draftOf(item: JsonObject & { id: string }, partition: string): Draft {
  const { id, type, schemaVersion, payload, projectId, userId } = item;
  const errors: Violation[] = [];
  const expect = (fits: boolean, field: string, message: string) => {
    if (!fits) errors.push({ field, code: schemaError, message });
  };
  const meta = isJsonObject(item["meta"]) ? item["meta"] : {};
  const { clientId, clientTs, ...others } = meta;
  const time = timeOf(clientTs);
  const kept: JsonObject = { ...(time === undefined ? {} : { clientTs: time }), ...others };
  const label = item["partition"];

  expect(!eventNames.test(id), "id", "This id names an event that was submitted otherwise.");
  expect(isText(type), "type", "Use a non-empty string.");
  expect(Number.isInteger(schemaVersion) && Number(schemaVersion) > 0, "schemaVersion", "Use a positive integer.");
  expect(isJsonObject(payload), "payload", "Use an object.");
  expect(isText(projectId), "projectId", "Use a non-empty string.");
  expect(isShortText(label), "partition", shortText);
  expect(userId === undefined || isShortText(userId), "userId", shortText);
  expect(time !== undefined, "meta.clientTs", "Use a finite number.");
  const metaBytes = utf8Length(JSON.stringify(kept));
  expect(metaBytes <= bounds.metaBytesMax, "meta", `At most ${bounds.metaBytesMax} bytes of JSON.`);

  if (errors.length > 0) return unfitDraft(id, errors);
  return {
    draftId: id,
    event: {
      type: type as string,
      payload: payload!,
      version: schemaVersion!,
      ...(projectId === partition ? {} : { partition: projectId! }),
    },
    expectedEventId: undefined,
    annotations: annotationsOf({
      label: label as string,
      ...(userId === undefined ? {} : { userId: userId as string }),
      meta: kept,
    })!,
    clientId: isText(clientId) ? clientId : undefined,
    scope: insiemeScope,
  };
}

/** A draft that is rejected for what is wrong with its item. Its content is not looked at any further. */
export function unfitDraft(draftId: string, errors: readonly Violation[]): Draft {
  const unfit: Failure = {
    code: "validation_failed",
    layer: "schema",
    detail: "The event does not have the shape that this wire asks for: see errors.",
    errors: errors.slice(0, bounds.violationsMax),
  };
  return { draftId, event: { type: "", payload: {} }, expectedEventId: undefined, scope: insiemeScope, unfit };
}

const shortText = `Use 1 to ${bounds.annotationLengthMax} characters.`;

function isText(value: Json | undefined): value is string {
  return typeof value === "string" && value !== "";
}

function isShortText(value: Json | undefined): value is string {
  return isText(value) && value.length <= bounds.annotationLengthMax;
}

/** A time as the clients of this wire take it: anything that is a number, or the text of one. */
function timeOf(value: Json | undefined): number | undefined {
  if (value === undefined || typeof value === "object") return undefined;
  const time = Number(value);
  return Number.isFinite(time) ? time : undefined;
}
