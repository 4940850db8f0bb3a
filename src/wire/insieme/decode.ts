import type { Command } from "../../core/index.ts";
import {
  type Author,
  bounds,
  exceedsUtf8,
  type Failure,
  isId,
  isJsonObject,
  type Json,
  type JsonObject,
  parseJson,
  type Violation,
} from "../../protocol/index.ts";
import type { Decoded } from "../dialect.ts";
import { draftOf, isItemId, unfitDraft } from "./items.ts";

/** The version of this wire. */
export const insiemeVersion = "1.0";

/** Nesting deeper than this is not looked at, whatever it is in. */
const tooDeep = "too_deep";
/** The index of the item that a violation is in. */
const inItem = /^payload\.events\[(\d+)\]\./;

/** Whether the first frame of a connection is of this wire: only its messages name their version. */
export function isInsieme(frame: string | ArrayBuffer): boolean {
  if (typeof frame !== "string" || frame.length > bounds.firstFrameBytesMax) return false;
  if (!frame.includes('"protocolVersion"')) return false;
  const { value } = parseJson(frame);
  return isJsonObject(value) && value["protocolVersion"] !== undefined;
}

/** Decodes a frame to its command; a frame that is not a command is `unreadable`. */
export function decode(frame: string | ArrayBuffer, partition: string): Decoded {
  if (typeof frame !== "string") return unreadable("", badRequest("Send JSON in text frames."));
  if (exceedsUtf8(frame, bounds.insiemeFrameBytesMax)) {
    const detail = `A message may have at most ${bounds.insiemeFrameBytesMax} bytes.`;
    return unreadable("", { code: "payload_too_large", detail });
  }
  const parsed = parseJson(frame);
  const violations = parsed.ok ? [] : parsed.violations;
  const { value } = parsed;
  if (!isJsonObject(value)) return unreadable("", badRequest("A message is a JSON object.", violations));
  const { type, payload, protocolVersion, msgId = "" } = value;
  if (typeof msgId !== "string" || msgId.length > bounds.annotationLengthMax) {
    return unreadable("", badRequest(`msgId is a string of at most ${bounds.annotationLengthMax} characters.`));
  }
  if (typeof type !== "string" || !isJsonObject(payload)) {
    return unreadable(msgId, badRequest("A message has a type and a payload.", violations));
  }
  if (protocolVersion !== insiemeVersion) {
    return unreadable(msgId, { code: "upgrade_required", detail: `The protocolVersion here is ${insiemeVersion}.` });
  }
  if (type === "submit_events") return submit(msgId, payload, violations, partition);
  if (violations.length > 0) return unreadable(msgId, badRequest("This JSON is not taken.", violations));
  if (type === "connect") return connect(msgId, payload);
  if (type === "sync") return sync(msgId, payload);
  return unreadable(msgId, badRequest(`Unknown message type: ${type.slice(0, bounds.typeLengthMax)}`));
}

function connect(requestId: string, { token, clientId, projectId }: JsonObject): Decoded {
  if (typeof token !== "string") return unreadable(requestId, badRequest("connect.payload.token is required."));
  if (!isId(clientId)) {
    const detail = "connect.payload.clientId is required, as 1 to 128 visible ASCII characters.";
    return unreadable(requestId, badRequest(detail));
  }
  if (!isProject(projectId)) return unreadable(requestId, badRequest("connect.payload.projectId is required."));
  const command: Command = {
    kind: "connect",
    requestId,
    clientId,
    partition: projectId,
    model: undefined,
    modelVersion: undefined,
    otherModel: false,
    initialState: false,
    stateChunks: false,
    sinceEventId: undefined,
    proof: undefined,
    echo: false,
    credit: undefined,
    draftIds: false,
    presence: false,
    presenceRefusals: false,
    replaces: undefined,
    authors: false,
    probes: false,
    passive: true,
    wire: { clientId },
    author: undefined,
  };
  const commandOf = (author: Author | undefined): Command =>
    author && author.clientId !== clientId
      ? { kind: "refused", requestId, failure: otherClient }
      : { ...command, author };
  return { kind: "token", requestId, token, command: commandOf };
}

const otherClient: Failure = { code: "unauthenticated", detail: "The token is not for this clientId." };

function sync(requestId: string, { projectId, sinceCommittedId, limit }: JsonObject): Decoded {
  if (!isProject(projectId)) return unreadable(requestId, badRequest("sync.payload.projectId is required."));
  if (typeof sinceCommittedId !== "number" || sinceCommittedId < 0) {
    return unreadable(requestId, badRequest("sync.payload.sinceCommittedId is a number from 0 on."));
  }
  return {
    kind: "sync",
    requestId,
    partition: projectId,
    sinceEventId: Math.floor(sinceCommittedId),
    proof: undefined,
    limit: typeof limit === "number" ? Math.floor(limit) : undefined,
  };
}

/** `violations`: what is hostile in its JSON. The item that has it is rejected, so that its client does not send it for ever. */
function submit(msgId: string, { events }: JsonObject, violations: readonly Violation[], partition: string): Command {
  if (!Array.isArray(events) || events.length === 0) {
    return unreadable(msgId, badRequest("submit_events.payload.events is a list of at least one event."));
  }
  if (events.length > bounds.batchEventsMax) {
    return unreadable(msgId, badRequest(`At most ${bounds.batchEventsMax} events are submitted at once.`));
  }
  const ofItems = new Map<number, Violation[]>();
  for (const violation of violations) {
    const [, index] = inItem.exec(violation.field) ?? [];
    if (index === undefined || violation.code === tooDeep) {
      return unreadable(msgId, badRequest("This JSON is not taken.", violations));
    }
    const own = ofItems.get(Number(index)) ?? [];
    own.push({ ...violation, field: violation.field.replace(inItem, "") });
    ofItems.set(Number(index), own);
  }
  const drafts = [];
  for (const [index, item] of events.entries()) {
    const hostile = ofItems.get(index);
    if (!isItem(item) || hostile?.some(({ field }) => field === "id")) {
      return unreadable(msgId, badRequest(`events[${index}] needs an id of 1 to ${bounds.idLengthMax} characters.`));
    }
    drafts.push(hostile ? unfitDraft(item.id, hostile) : draftOf(item, partition));
  }
  return { kind: "submit", requestId: msgId, submission: { key: msgId, mode: "sequential", drafts, resumes: true } };
}

function isItem(item: Json): item is JsonObject & { id: string } {
  return isJsonObject(item) && isItemId(item["id"]);
}

/** A project is a partition of this server; whether it is the one of the connection is looked at later. */
function isProject(projectId: Json | undefined): projectId is string {
  return typeof projectId === "string" && projectId !== "";
}

function badRequest(detail: string, errors: readonly Violation[] = []): Failure {
  return { code: "bad_request", detail, ...(errors.length > 0 ? { errors: [...errors] } : {}) };
}

function unreadable(requestId: string, failure: Failure): Command {
  return { kind: "unreadable", requestId, draftId: undefined, failure };
}
