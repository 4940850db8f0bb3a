import type { Authors, DraftResult, Reply, Verdict } from "../../core/index.ts";
import { eventName, insiemeScope, isJsonObject, type Json, type TracedFailure } from "../../protocol/index.ts";
import type { EventRow } from "../../storage/port.ts";
import { Caches } from "../caches.ts";
import type { Dialect } from "../dialect.ts";
import { closeCode } from "../partita/close-codes.ts";
import { endReasonOf, leavesOpen, passes, rejectionReasonOf, wireCodeOf } from "./codes.ts";
import { decode, insiemeVersion, isInsieme } from "./decode.ts";

/** The first version of attachments whose readers know this dialect. */
const attachmentVersion = 2;

/** The wire "1.0" of the published package `insieme` (docs/PROTOCOL.md, 18). A project of it is a partition, named by `projectId`. */
export function insiemeDialect(partition: string, shown: Pick<Authors, "clientIdOf">): Dialect {
  const project = JSON.stringify(partition);
  const caches = new Caches();
  // Each event is serialised once: all connections share the text.
  const events = caches.of((row: EventRow) => eventText(row, partition, project, shown.clientIdOf(row.clientId)));
  const broadcasts = caches.of((row: EventRow) =>
    // Joined, not concatenated: the runtime would flatten a concatenation for each connection that it is sent to.
    [
      '{"type":"event_broadcast","protocolVersion":"',
      insiemeVersion,
      '","payload":',
      events.of(row),
      `,"msgId":"srv-${row.eventId}"}`,
    ].join(""),
  );
  const eventOf = (row: EventRow) => events.of(row);
  const broadcastOf = (row: EventRow) => broadcasts.of(row);
  const framesOf = (reply: Reply, wire: Json | undefined): readonly string[] => {
    switch (reply.kind) {
      case "connected": {
        const payload = {
          clientId: clientIn(wire),
          projectId: partition,
          projectLastCommittedId: reply.currentEventIndex,
        };
        return [message("connected", JSON.stringify(payload), reply.requestId)];
      }
      case "decided":
        return [decidedText(reply.key, reply.verdict)];
      case "page": {
        const { events: rows, nextSinceEventId, hasMore, currentEventIndex } = reply.page;
        const payload = `{"projectId":${project},"events":[${rows.map(eventOf).join(",")}],"nextSinceCommittedId":${nextSinceEventId},"hasMore":${hasMore},"syncToCommittedId":${currentEventIndex}}`;
        return [message("sync_response", payload, reply.requestId)];
      }
      case "events":
        return reply.events.map(broadcastOf);
      case "error":
        return [errorText(reply.failure, reply.requestId ?? reply.draftId ?? "")];
      case "draining":
        return [message("error", errorPayload("server_error", drainingText, {}), "")];
      default:
        // What clients of this wire do not ask for.
        return [];
    }
  };
  return {
    name: "insieme",
    attachmentVersion,
    recognises: isInsieme,
    decode: (frame) => decode(frame, partition),
    messages: () => undefined,
    frames: (replies, rows, wire) => [...replies.flatMap((reply) => framesOf(reply, wire)), ...rows.map(broadcastOf)],
    ending(reply, connected) {
      if (reply.kind === "draining") return "draining";
      const refusal = refusalIn(reply);
      return refusal && endReasonOf(refusal.code, connected);
    },
    redoneAfter(reply) {
      const failure = refusalIn(reply);
      return failure && passes(failure.code) ? (failure.retryAfter ?? 1) : undefined;
    },
    closeCode,
    forget: () => caches.forget(),
  };
}

const drainingText = "This project is being moved: connect again.";

function clientIn(wire: Json | undefined): Json {
  return isJsonObject(wire) ? (wire["clientId"] ?? "") : "";
}

/**
 * An event of the log. One that was submitted otherwise has no id that is unique in the project, and perhaps no label and no
 * time of its client: so its id is the name of the event, its label the project, and the time that of the server.
 */
function eventText(row: EventRow, partition: string, project: string, clientId: string): string {
  const { eventId, type, version = 1, payload, timestamp, annotations = {} } = row;
  const id = row.principal === insiemeScope ? row.draftId : eventName(eventId);
  const { label = partition, userId, meta } = annotations;
  const user = userId === undefined ? "" : `,"userId":${JSON.stringify(userId)}`;
  const noted = JSON.stringify({ clientId, clientTs: timestamp, ...meta });
  return `{"committedId":${eventId},"id":${JSON.stringify(id)},"projectId":${project}${user},"partition":${JSON.stringify(label)},"type":${JSON.stringify(type)},"schemaVersion":${version},"payload":${payload},"meta":${noted},"serverTs":${timestamp}}`;
}

/** The failure that leaves the first draft of a submission open, so that nothing was decided; undefined: something was. */
function openFailure({ results: [first] }: Verdict): TracedFailure | undefined {
  return first?.kind === "not_processed" && first.failure && leavesOpen(first.failure) ? first.failure : undefined;
}

/** What refuses the whole of a request; undefined: nothing does. */
function refusalIn(reply: Reply): TracedFailure | undefined {
  if (reply.kind === "error") return reply.failure;
  return reply.kind === "decided" ? openFailure(reply.verdict) : undefined;
}

/** The answer to `submit_events`, whose key is its `msgId`. */
function decidedText(msgId: string, verdict: Verdict): string {
  const open = openFailure(verdict);
  if (open) return errorText(open, msgId);
  let blockedById: string | undefined;
  const texts = verdict.results.map((result) => {
    const text = resultText(result, verdict.timestamp, blockedById);
    if (result.kind !== "accepted") blockedById ??= result.draftId;
    return text;
  });
  return message("submit_events_result", `{"results":[${texts.join(",")}]}`, msgId);
}

/** `blockedById`: the draft before it that was not accepted. */
function resultText(result: DraftResult, decidedAt: number, blockedById: string | undefined): string {
  if (result.kind === "accepted") {
    const { draftId, eventId, timestamp } = result.event;
    return `{"id":${JSON.stringify(draftId)},"status":"committed","committedId":${eventId},"serverTs":${timestamp}}`;
  }
  const { draftId: id, failure } = result;
  if (failure && (result.kind === "rejected" || !leavesOpen(failure))) {
    const { code, detail, errors, timestamp: created } = failure;
    const reason = rejectionReasonOf(code);
    return JSON.stringify({ id, status: "rejected", reason, errors: errors ?? [{ message: detail }], created });
  }
  return JSON.stringify({
    id,
    status: "not_processed",
    reason: "prior_item_failed",
    blockedById: blockedById ?? id,
    created: decidedAt,
  });
}

function errorText({ code, detail, errors, traceId, currentEventIndex }: TracedFailure, msgId: string): string {
  const details = {
    code,
    traceId,
    ...(errors ? { errors } : {}),
    ...(currentEventIndex === undefined ? {} : { projectLastCommittedId: currentEventIndex }),
  };
  return message("error", errorPayload(wireCodeOf(code), detail, details), msgId);
}

function errorPayload(code: string, text: string, details: object): string {
  return JSON.stringify({ code, message: text, details });
}

/** `msgId`: of the request; empty: it had none. */
function message(type: string, payload: string, msgId: string): string {
  const answered = msgId === "" ? "" : `,"msgId":${JSON.stringify(msgId)}`;
  return `{"type":"${type}","protocolVersion":"${insiemeVersion}","payload":${payload}${answered}}`;
}
