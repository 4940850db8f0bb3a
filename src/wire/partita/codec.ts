import {
  type Authors,
  type DraftResult,
  type Reply,
  type Page,
  proofOf,
  rejectionRetentionMs,
  type Verdict,
} from "../../core/index.ts";
import {
  bounds,
  endsConnection,
  eventName,
  type Json,
  partitionProblem,
  type Problem,
  type TracedFailure,
} from "../../protocol/index.ts";
import type { ReadOptions } from "../../platform/rpc.ts";
import { correlationIdOf, type EventRow, submitterOf } from "../../storage/port.ts";
import { Caches } from "../caches.ts";
import { nameText } from "../name-texts.ts";
import type { LogDialect } from "../dialect.ts";
import { closeCode } from "./close-codes.ts";
import { decode } from "./decode.ts";
import { messagesOf } from "./messages.ts";
import { optionsOf } from "./options.ts";

/** The limits that a client must know. */
const announced = {
  frameBytesMax: bounds.frameBytesMax,
  frameMessagesMax: bounds.frameMessagesMax,
  batchEventsMax: bounds.batchEventsMax,
  pageEventsMax: bounds.pageEventsMax,
  inFlightMax: bounds.queueWorkPerConnectionMax,
  stateBytesMax: bounds.stateBytesMax,
  rejectionRetentionMs,
  presenceBytesMax: bounds.presenceBytesMax,
  presenceIntervalMs: bounds.presenceIntervalMs,
};
const limitsText = `,"limits":${JSON.stringify(announced)}`;

/**
 * Our own dialect (docs/PROTOCOL.md). The bytes of a verdict derive from what is stored and nothing else, so a
 * replay is the first reply again.
 */
export function partitaDialect(partition: string, shown: Shown = showsNothing): LogDialect {
  // Each event is serialised once, and each broadcast once for those who ask for proofs and once for the others: the
  // reply and all subscribers share the text. So it is for those who ask for authors, where the model shows them.
  const caches = new Caches();
  const own: Texts = caches.of((row: EventRow) => encodeEvent(row, partition));
  const authored: Texts = caches.of((row: EventRow) => encodeEvent(row, partition, shown));
  const others = shown.hides ? authored : own;
  // Only an event that has annotations has another text with them.
  const annotated = (texts: Texts): Texts => ({ of: (row) => annotatedText(row, texts.of(row)) });
  /** The texts of events for their own submitters, and for readers of the log. */
  const textsOf = (authors: boolean, annotations: boolean) => {
    const texts = authors && shown.shows ? { verdicts: authored, log: authored } : { verdicts: own, log: others };
    return annotations ? { verdicts: annotated(texts.verdicts), log: annotated(texts.log) } : texts;
  };
  const numberedOf = (row: EventRow, events: Texts, beside: string, draft = "") =>
    `{"eventId":${row.eventId}${draft},"event":${events.of(row)}${beside}}`;
  const variant = (proof: (row: EventRow) => string, { verdicts, log }: ReturnType<typeof textsOf>) => {
    const textOf = (row: EventRow, draft?: string) =>
      // Joined, not concatenated: the runtime would flatten a concatenation for each connection that it is sent to.
      [
        `{"id":"b-${row.eventId}","type":"broadcast","timestamp":${row.timestamp},"payload":`,
        numberedOf(row, log, proof(row), draft),
        "}",
      ].join("");
    const broadcasts = caches.of((row: EventRow) => textOf(row));
    const broadcastOf = (row: EventRow) => broadcasts.of(row);
    const namedBroadcastOf = (row: EventRow) => textOf(row, draftMember(row));
    // Subscribers that receive the same array of events share the text.
    const arrays = caches.of((rows: readonly EventRow[]) => arrayFrames([], rows, broadcastOf));
    const encoders: DialectEncoders = {
      event: (row) => verdicts.of(row),
      logged: (row) => log.of(row),
      proof,
      problem: (failure) => partitionProblem(failure, partition),
    };
    return { broadcastOf, namedBroadcastOf, arrays, encoders };
  };
  const variantsOf = (authors: boolean, annotations: boolean) => {
    const texts = textsOf(authors, annotations);
    return {
      plain: variant(noProof, texts),
      proven: variant((row) => proofMember(proofOf(row)), texts),
      presence: caches.of((reply: Presence) => presenceText(reply, authors)),
    };
  };
  const byAnnotations = (authors: boolean) => ({ bare: variantsOf(authors, false), full: variantsOf(authors, true) });
  const unnamed = byAnnotations(false);
  const named = shown.shows ? byAnnotations(true) : unnamed;
  const variantsFor = (wire: Json | undefined) => {
    const { authors, annotations } = optionsOf(wire);
    const { bare, full } = authors ? named : unnamed;
    return annotations ? full : bare;
  };
  const encode = (reply: Reply, wire: Json | undefined, encoders: DialectEncoders): string => {
    switch (reply.kind) {
      case "decided": {
        const { key, mode, verdict } = reply;
        return mode === "single" ? singleText(verdict.results[0]!, encoders) : batchMessage(key, verdict, encoders);
      }
      case "connected": {
        const options = optionsOf(wire);
        const state = reply.initialState === undefined ? "" : `,"initialState":${reply.initialState}`;
        const snapshot =
          reply.snapshot === undefined ? "" : `,"snapshot":${snapshotText(reply.snapshot, options.proofs === true)}`;
        const limits = options.limits ? limitsText : "";
        const model = reply.modelVersion === undefined ? "" : `,"modelVersion":${reply.modelVersion}`;
        const peer = reply.peerId === undefined ? "" : `,"peerId":${JSON.stringify(reply.peerId)}`;
        const since = reply.sinceSnapshot === undefined ? "" : `,"sinceSnapshot":${reply.sinceSnapshot}`;
        const expiry = reply.expiresAt !== undefined && options.renewal ? `,"expiresAt":${reply.expiresAt}` : "";
        const who =
          reply.principal !== undefined && options.principal
            ? `,"principal":${JSON.stringify(reply.principal)},"tenant":${JSON.stringify(reply.tenant)}`
            : "";
        const author = reply.author !== undefined && options.authors ? `,"author":${JSON.stringify(reply.author)}` : "";
        const proof = options.proofs ? proofMember(reply.proof) : "";
        return replyMessage(
          reply,
          "connected",
          `{"serverId":${JSON.stringify(reply.serverId)},"currentEventIndex":${reply.currentEventIndex}${state}${since}${model}${snapshot}${limits}${peer}${who}${author}${expiry}${proof}}`,
        );
      }
      case "page":
        return replyMessage(
          reply,
          "sync_response",
          pageText(reply.page, encoders.logged, optionsOf(wire).proofs === true),
        );
      case "state_chunk": {
        const { eventId, chunk, text } = reply;
        const payload = `{"eventIndex":${eventId},"chunk":${chunk},"text":${JSON.stringify(text)}}`;
        return replyMessage(reply, "state_chunk", payload);
      }
      case "head":
        return message(`h-${reply.currentEventIndex}`, "head", reply.now, {
          currentEventIndex: reply.currentEventIndex,
        });
      case "renewed":
        return replyMessage(reply, "renewed", `{"expiresAt":${reply.expiresAt}}`);
      case "draining":
        return message(`d-${reply.now}`, "draining", reply.now, { reconnectAfterMs: reply.reconnectAfterMs });
      case "hash":
        return replyMessage(reply, "hash", `{"eventIndex":${reply.eventIndex},"sha256":"${reply.sha256}"}`);
      case "presence":
        return variantsFor(wire).presence.of(reply);
      case "read_only":
        return message(`o-${reply.now}`, "read_only", reply.now, { readOnly: reply.readOnly });
      case "probe":
        return message(`q-${reply.probe}`, "probe", reply.now, { probe: reply.probe });
      case "heartbeat":
        return replyMessage(reply, "heartbeat", "{}");
      case "events":
        throw new Error("a client of this dialect requests its pages");
      case "error": {
        const { failure, requestId, draftId } = reply;
        const problem = encoders.problem(failure);
        const text = message(`e-${problem.traceId}`, "error", problem.timestamp, {
          message: problem.detail,
          ...(draftId === undefined ? {} : { draftId }),
          ...problem,
        });
        return requestId === undefined ? text : `${text.slice(0, -1)},"inReplyTo":${JSON.stringify(requestId)}}`;
      }
    }
  };
  return {
    name: "partita",
    attachmentVersion: 1,
    // Clients of earlier versions use this dialect, whatever their first frame.
    recognises: () => true,
    decode,
    messages: messagesOf,
    numbered: (row, { authors = false, correlations, annotations = false }) =>
      numberedOf(row, textsOf(authors, annotations).log, correlations ? correlationMember(row) : ""),
    problem: (failure) => JSON.stringify(partitionProblem(failure, partition)),
    frames(replies, broadcasts, wire, draftIdsOf) {
      const { arrays: joined, proofs } = optionsOf(wire);
      const { plain, proven } = variantsFor(wire);
      const { arrays, broadcastOf, namedBroadcastOf, encoders } = proofs ? proven : plain;
      const isNamed = (row: EventRow) => row.principal === draftIdsOf;
      const named = draftIdsOf !== undefined && broadcasts.some(isNamed);
      if (joined && replies.length === 0 && !named) return arrays.of(broadcasts);
      const textOf = named ? (row: EventRow) => (isNamed(row) ? namedBroadcastOf(row) : broadcastOf(row)) : broadcastOf;
      const texts = replies.map((replyMessage) => encode(replyMessage, wire, encoders));
      return joined ? arrayFrames(texts, broadcasts, textOf) : [...texts, ...broadcasts.map(textOf)];
    },
    ending(reply) {
      if (reply.kind === "draining") return "draining";
      return reply.kind === "error" && endsConnection(reply.failure.code) ? reply.failure.code : undefined;
    },
    redoneAfter: () => undefined,
    closeCode,
    forget: () => caches.forget(),
  };
}

/**
 * Encodes few frames: arrays of at most `bounds.sentFrameBytesMax`, with the broadcasts of an atomic batch in one
 * frame. A single message has no brackets.
 */
function arrayFrames(
  replies: readonly string[],
  rows: readonly EventRow[],
  broadcastOf: (row: EventRow) => string,
): readonly string[] {
  const texts = [...replies];
  const frames: string[] = [];
  const close = (from: number, to: number) => {
    const parts = texts.slice(from, to);
    if (parts.length > 1) {
      // Into the parts: around the joined text they would make the runtime copy all of it once more.
      parts[0] = `[${parts[0]}`;
      parts.push(`${parts.pop()}]`);
    }
    frames.push(parts.join(","));
  };
  // The UTF-16 units times three are an upper bound of the bytes, without counting them.
  const unitsMax = bounds.sentFrameBytesMax / 3;
  let from = 0;
  let units = 0;
  let groupStart = 0;
  let unitsOfGroup = 0;
  for (let at = 0; at < replies.length + rows.length; at++) {
    const row = rows[at - replies.length];
    if (row) texts.push(broadcastOf(row));
    const continues = row?.batchEnd !== undefined && rows[at - replies.length - 1]?.batchEnd === row.batchEnd;
    if (!continues) {
      groupStart = at;
      unitsOfGroup = 0;
    }
    units += texts[at]!.length;
    unitsOfGroup += texts[at]!.length;
    if (units > unitsMax && groupStart > from) {
      close(from, groupStart);
      from = groupStart;
      units = unitsOfGroup;
    }
  }
  if (from < texts.length) close(from, texts.length);
  return frames;
}

/** What readers see of who made an event. */
export type Shown = Pick<Authors, "of" | "clientIdOf" | "shows" | "hides">;

const showsNothing: Shown = { of: () => undefined, clientIdOf: (clientId) => clientId, shows: false, hides: false };

/** The encoder for events that a reader of the log receives. `authors`, `annotations`: whether it asked for them. */
export function loggedText(
  partition: string,
  shown: Shown,
  { authors = false, annotations = false }: Pick<ReadOptions, "authors" | "annotations">,
): (row: EventRow) => string {
  const view = shown.hides || authors ? shown : showsNothing;
  const textOf = (row: EventRow) => encodeEvent(row, partition, view);
  return annotations ? (row) => annotatedText(row, textOf(row)) : textOf;
}

/** The text of an event with its annotations. */
function annotatedText({ annotations }: EventRow, text: string): string {
  return annotations ? `${text.slice(0, -1)},${JSON.stringify(annotations).slice(1)}` : text;
}

/** A committed event, on the socket and over HTTP. */
export function encodeEvent(row: EventRow, partition: string, shown: Shown = showsNothing): string {
  const version = row.version === undefined ? "" : `,"version":${row.version}`;
  const known = shown.of(submitterOf(row));
  const author = known === undefined ? "" : `,"author":${nameText(known)}`;
  return `{"type":${nameText(row.type)},"payload":${row.payload}${version},"partition":${nameText(partition)},"id":"${eventName(row.eventId)}","timestamp":${row.timestamp},"clientId":${nameText(shown.clientIdOf(row.clientId))}${author}}`;
}

/** The encoders for the parts of an answer that depend on the partition. */
export interface PartEncoders {
  /** An event for its own submitter. */
  event(row: EventRow): string;
  /** The member with the proof of an event, for those who asked for it. */
  proof(row: EventRow): string;
  problem(failure: TracedFailure): Problem;
}

interface DialectEncoders extends PartEncoders {
  /** An event for readers of the log. */
  logged(row: EventRow): string;
}

/** For those who did not ask for proofs. */
export const noProof = (): string => "";

function proofMember(proof: string | undefined): string {
  return proof === undefined ? "" : `,"proof":"${proof}"`;
}

/** The member with the draft id of an event, for its own principal. */
function draftMember({ draftId }: EventRow): string {
  return `,"draftId":${JSON.stringify(draftId)}`;
}

/** The verdict on a single draft. */
function singleText(result: DraftResult, encoders: PartEncoders): string {
  if (result.kind === "accepted") {
    const { eventId, timestamp, draftId } = result.event;
    return `{"id":"a-${eventId}","type":"event_accepted","timestamp":${timestamp},"payload":{"draftId":${JSON.stringify(draftId)},"eventId":${eventId},"event":${encoders.event(result.event)}${encoders.proof(result.event)}}}`;
  }
  if (result.kind === "not_processed") throw new Error("a single draft is decided");
  const { draftId, recordId } = result;
  const problem = encoders.problem(result.failure);
  const { errors = [], ...rest } = problem;
  const id = `r-${recordId ?? problem.traceId}`;
  return message(id, "event_rejected", problem.timestamp, { draftId, reason: problem.code, errors, ...rest });
}

/** The verdict on a batch. */
function batchMessage(batchId: string, verdict: Verdict, encoders: PartEncoders): string {
  return `{"id":${JSON.stringify(`s-${batchId}`)},"type":"events_result","timestamp":${verdict.timestamp},"payload":${batchText(batchId, verdict, encoders)}}`;
}

/** The answer to a batch, on the socket and over HTTP. */
export function batchText(batchId: string, { results }: Verdict, encoders: PartEncoders): string {
  const texts = results.map((result) => {
    if (result.kind === "accepted") {
      const { draftId, eventId } = result.event;
      return `{"draftId":${JSON.stringify(draftId)},"status":"accepted","eventId":${eventId},"event":${encoders.event(result.event)}${encoders.proof(result.event)}}`;
    }
    const { draftId, failure } = result;
    if (!failure) return JSON.stringify({ draftId, status: result.kind });
    const problem = encoders.problem(failure);
    const { errors = [], ...rest } = problem;
    // Here `status` is the result of the member; the problem's own status is implied by its code.
    return JSON.stringify({ draftId, ...rest, reason: problem.code, errors, status: result.kind });
  });
  return `{"batchId":${JSON.stringify(batchId)},"results":[${texts.join(",")}]}`;
}

/** The members of a page, on the socket and over HTTP. `besideOf`: what an event has beside it. */
export function pageText(
  page: Page,
  textOf: (row: EventRow) => string,
  proofs: boolean,
  besideOf: (row: EventRow) => string = () => "",
): string {
  const snapshot = page.snapshot === undefined ? "" : `"snapshot":${snapshotText(page.snapshot, proofs)},`;
  const events = page.events
    .map((row) => {
      const draft = row.principal === page.draftIdsOf ? draftMember(row) : "";
      return `{"eventId":${row.eventId}${draft},"event":${textOf(row)}${besideOf(row)}}`;
    })
    .join(",");
  return `{${snapshot}"events":[${events}],"currentEventIndex":${page.currentEventIndex},"hasMore":${page.hasMore},"nextSinceEventId":${page.nextSinceEventId}${proofs ? proofMember(page.proof) : ""}}`;
}

function snapshotText(snapshot: NonNullable<Page["snapshot"]>, proofs: boolean): string {
  if ("state" in snapshot) return `{"state":${snapshot.state},"eventIndex":${snapshot.eventId}}`;
  return `{"eventIndex":${snapshot.eventId},"chunks":${snapshot.chunks},"bytes":${snapshot.bytes}${proofs ? proofMember(snapshot.proof) : ""}}`;
}

/**
 * The member with the correlation id of an event, for those who asked for it. It has not to be weighed: the envelope of a
 * broadcast weighs more, and nothing over HTTP has one.
 */
export function correlationMember(row: EventRow): string {
  const id = correlationIdOf(row);
  return id === undefined ? "" : `,"correlationId":${JSON.stringify(id)}`;
}

type Presence = Extract<Reply, { kind: "presence" }>;

function presenceText({ now, all, peers, gone }: Presence, authors: boolean): string {
  const texts = peers.map(
    ({ peerId, clientId, author, state }) =>
      `{"peerId":${JSON.stringify(peerId)},"clientId":${JSON.stringify(clientId)}${authors && author !== undefined ? `,"author":${JSON.stringify(author)}` : ""},"state":${state}}`,
  );
  return `{"id":"p-${now}","type":"presence","timestamp":${now},"payload":{"peers":[${texts.join(",")}],"gone":${JSON.stringify(gone)}${all ? ',"all":true' : ""}}}`;
}

/** The texts of events. */
interface Texts {
  of(row: EventRow): string;
}

function message(id: string, type: string, timestamp: number, payload: object): string {
  return JSON.stringify({ id, type, timestamp, payload });
}

function replyMessage(to: { requestId: string; now: number }, type: string, payload: string): string {
  const id = JSON.stringify(to.requestId);
  return `{"id":${JSON.stringify(`re-${to.requestId}`)},"type":"${type}","timestamp":${to.now},"payload":${payload},"inReplyTo":${id}}`;
}
