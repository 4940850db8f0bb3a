import * as z from "zod/mini";
import { isId } from "./ids.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";
import type { ErrorCode, Problem } from "./errors.ts";
import { bounds } from "./bounds.ts";
import type { Violation } from "./scan.ts";
import { utf8Length } from "./utf8.ts";

/** An id that a client chooses, see `isId`. */
const id = z.string().check(z.refine(isId, { error: "Use 1 to 128 visible ASCII characters.", abort: true }));
const count = z.int().check(z.nonnegative());

const connectPayload = z.object({
  clientId: id,
  version: z.string().check(z.minLength(1), z.maxLength(64)),
  partition: z.optional(z.string()),
  /** The name of the application's model on the client; absent: any model. */
  model: z.optional(z.string()),
  /** The version of the application's model on the client; absent: any version. */
  modelVersion: z.optional(z.int().check(z.positive())),
  /** With another version of the model the connection is accepted, for verdicts only. */
  otherModel: z.optional(z.boolean()),
  initialState: z.optional(z.boolean()),
  /** A large state comes as chunks of a stored snapshot, which the client requests one by one. */
  stateChunks: z.optional(z.boolean()),
  sinceEventId: z.optional(count),
  /** The proof of the event `sinceEventId`. */
  proof: z.optional(id),
  /** What brings events has the proof of the last one. */
  proofs: z.optional(z.boolean()),
  /** False: an own event is sent as `event_accepted` only, without a broadcast. */
  echo: z.optional(z.boolean()),
  /** The server may send an array of messages in one frame. */
  frames: z.optional(z.literal("array")),
  /** How many bytes of broadcasts may be unacknowledged. */
  credit: z.optional(z.int().check(z.minimum(bounds.creditBytesMin), z.maximum(bounds.creditBytesMax))),
  /** `connected` contains the server's limits. */
  limits: z.optional(z.boolean()),
  /** Pages contain the draft ids of this principal's own events. */
  draftIds: z.optional(z.boolean()),
  /** Broadcasts contain the draft ids of this principal's own events. */
  broadcastDraftIds: z.optional(z.boolean()),
  /** The connection receives the presence of the others, and may send its own. */
  presence: z.optional(z.boolean()),
  /** A presence that is not shown is answered. */
  presenceRefusals: z.optional(z.boolean()),
  /** The `peerId` of an earlier connection of this client, which is lost. */
  replaces: z.optional(id),
  /** `connected` contains the expiry of the token, so that the client can renew it in time. */
  renewal: z.optional(z.boolean()),
  /** The server may send probes, which the client returns. */
  probes: z.optional(z.boolean()),
  /** `connected` contains the principal and its tenant. */
  principal: z.optional(z.boolean()),
  /** Events have their authors, as far as the model shows them, and `connected` has the own one. */
  authors: z.optional(z.boolean()),
  /** Events have their labels, user ids and metadata. */
  annotations: z.optional(z.boolean()),
  /** A message says whether the partition is read-only: after `connected`, and whenever that changes. */
  readOnly: z.optional(z.boolean()),
  /** The most bytes of the page that follows `connected`. */
  maxBytes: z.optional(z.int()),
  /** The token, if the upgrade could not send one. */
  token: z.optional(z.string()),
});

/**
 * A frame with this shape is a draft: it has an id for the answer, and a type. All other errors in the
 * event are part of the verdict, so they are checked later (`eventShape`).
 */
const submitEventPayload = z.object({
  draftId: id,
  // Not a loose object: its members are checked later, and copying them costs.
  event: z
    .custom<JsonObject & { type: string }>(isJsonObject, { error: "Invalid input: expected object", abort: true })
    .check(
      z.refine(({ type }) => typeof type === "string", { error: "Invalid input: expected string", path: ["type"] }),
    ),
  expectedEventId: z.optional(z.unknown()),
});

/** The shape of a batch, on the socket and over HTTP. Its own id and its members' ids are all different. */
export const batchShape = z
  .object({
    batchId: id,
    mode: z.literal(["atomic", "sequential"]),
    events: z.array(submitEventPayload).check(z.minLength(1), z.maxLength(bounds.batchEventsMax)),
  })
  .check(
    z.refine(
      ({ batchId, events }) => new Set([batchId, ...events.map(({ draftId }) => draftId)]).size === events.length + 1,
      { error: "Each draft of a batch, and the batch itself, needs an id of its own.", path: ["events"] },
    ),
  );

const syncPayload = z.object({
  sinceEventId: z.optional(count),
  /** The proof of the event `sinceEventId`. */
  proof: z.optional(id),
  partition: z.optional(z.string()),
  limit: z.optional(z.int()),
  /** The most bytes of the page. */
  maxBytes: z.optional(z.int()),
});

const ackPayload = z.object({
  eventId: count,
  /** The last probe that was received. */
  probe: z.optional(id),
});

const presencePayload = z.object({
  state: z.nullable(
    z.custom<JsonObject>(isJsonObject, { error: "Invalid input: expected object or null", abort: true }).check(
      z.refine((state) => utf8Length(JSON.stringify(state)) <= bounds.presenceBytesMax, {
        error: `At most ${bounds.presenceBytesMax} bytes of JSON.`,
      }),
    ),
  ),
});

const envelope = { id, timestamp: z.number() };

/** All messages of clients. Unknown fields of the envelope and of a payload are ignored. */
export const clientMessage = z.discriminatedUnion("type", [
  z.object({ ...envelope, type: z.literal("connect"), payload: connectPayload }),
  z.object({ ...envelope, type: z.literal("submit_event"), payload: submitEventPayload }),
  z.object({ ...envelope, type: z.literal("submit_events"), payload: batchShape }),
  z.object({ ...envelope, type: z.literal("sync"), payload: syncPayload }),
  z.object({ ...envelope, type: z.literal("state_chunk"), payload: z.object({ eventIndex: count, chunk: count }) }),
  z.object({ ...envelope, type: z.literal("ack"), payload: ackPayload }),
  z.object({ ...envelope, type: z.literal("hash"), payload: z.object({}) }),
  z.object({ ...envelope, type: z.literal("presence"), payload: presencePayload }),
  z.object({ ...envelope, type: z.literal("renew"), payload: z.object({ token: z.string() }) }),
  z.object({ ...envelope, type: z.literal("heartbeat"), payload: z.object({}) }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;

/**
 * Whether this is a `submit_event` that `clientMessage` accepts. Almost every frame is one, and this costs a
 * tenth (measured: docs/decisions/0002-windows.md). For other frames `clientMessage` finds the errors.
 */
export function isSubmitEvent(
  value: JsonObject,
): value is Extract<ClientMessage, { type: "submit_event" }> & JsonObject {
  const { type, timestamp, payload } = value;
  if (type !== "submit_event" || !isId(value["id"]) || typeof timestamp !== "number") return false;
  if (!isJsonObject(payload) || !isId(payload["draftId"])) return false;
  const { event } = payload;
  return isJsonObject(event) && typeof event["type"] === "string";
}

/** The types of `clientMessage`, for the error that lists them. */
export const clientMessageTypes = [
  "connect",
  "submit_event",
  "submit_events",
  "sync",
  "state_chunk",
  "ack",
  "hash",
  "presence",
  "renew",
  "heartbeat",
] as const satisfies readonly ClientMessage["type"][];

/** The body of a request that carries frames of a connection without a WebSocket. */
export const postedShape = z.object({
  /** How many frames the connection sent before these. */
  before: count,
  /** The text frames. */
  frames: z.array(z.string()).check(z.minLength(1), z.maxLength(bounds.postedFramesMax)),
});

/** The body of a request that polls several connections without WebSockets. */
export const pollShape = z.object({
  connections: z
    .array(
      z.object({
        partition: z.string(),
        /** Absent: the token of the request. */
        token: z.optional(z.string()),
        /** Absent: opens a connection. */
        connectionId: z.optional(z.string()),
        before: z.optional(count),
        frames: z.optional(z.array(z.string()).check(z.maxLength(bounds.postedFramesMax))),
        /** How many frames of this connection have arrived. */
        received: z.optional(count),
        /** The client closes the connection. */
        end: z.optional(z.boolean()),
      }),
    )
    .check(z.minLength(1), z.maxLength(bounds.pollConnectionsMax)),
  /** How long to wait for news, in milliseconds. */
  holdMs: z.optional(count.check(z.maximum(bounds.holdMsMax))),
});

/** The shape of a submitted event, without the schema of its payload. Unknown fields are refused. */
export const eventShape = z.strictObject({
  type: z.string(),
  // Not a record: the payload's schema checks its members, and copying them costs.
  payload: z.custom<JsonObject>(isJsonObject, { error: "Invalid input: expected object" }),
  partition: z.optional(z.string()),
  version: z.optional(z.int().check(z.positive())),
});

/** Whether a draft's event has only a type and a payload, and so the shape `eventShape`: at a tenth of its cost. */
export function isBareEvent(event: JsonObject & { type: string }): boolean {
  return isJsonObject(event["payload"]) && Object.keys(event).length === 2;
}

/** The shape of `expectedEventId`. */
export const expectedEventIdShape = z.optional(count);

/** A committed event on the wire. It has a `version` if the draft had one. */
export interface WireEvent {
  type: string;
  payload: JsonObject;
  version?: number;
  partition: string;
  /** `evt-<eventId>` */
  id: string;
  /** Milliseconds since 1970, never less than the event's before it. */
  timestamp: number;
  /** Empty if the model hides its authors, except in the answer to its own submitter. */
  clientId: string;
  /** Who did it, if `authors` was asked for and the model shows it. */
  author?: string;
  /** Which part of the project it is about, the user that its submitter has named, and what else its client has noted, if `annotations` was asked for. */
  label?: string;
  userId?: string;
  meta?: JsonObject;
}

/** An event with its event id. */
export interface NumberedEvent<Event = WireEvent> {
  eventId: number;
  event: Event;
  /** If `connect` asked for `proofs`, and not on pages: shows in which log this event is. */
  proof?: string;
}

/** The result of one draft of a batch: with the members of `event_accepted` or `event_rejected` that apply. */
export type WireBatchResult =
  | ({ draftId: string; status: "accepted" } & NumberedEvent)
  | ({ draftId: string; status: "rejected" } & Omit<Problem, "status">)
  | ({ draftId: string; status: "not_processed" } & (Omit<Problem, "status"> | Record<never, never>));

interface Envelope<Type extends string, Payload> {
  id: string;
  type: Type;
  timestamp: number;
  payload: Payload;
}

/** A connection with presence. */
interface Peer {
  /** Unique per connection. */
  peerId: string;
  clientId: string;
  /** Who shows it, if `connect` asked for `authors` and the model shows it. */
  author?: string;
  state: JsonObject;
}

/**
 * A stored snapshot: the state after event `eventIndex`, as JSON text of `bytes` UTF-8 bytes in `chunks` chunks. Without
 * chunks it is the model's initial state.
 */
export interface ChunkedSnapshot {
  eventIndex: number;
  chunks: number;
  bytes: number;
  /** Of the event `eventIndex`, if `connect` asked for `proofs`. */
  proof?: string;
}

/** Every message that the server sends. */
export type ServerMessage =
  | (Envelope<
      "connected",
      {
        serverId: string;
        currentEventIndex: number;
        /** Of the last event, if `connect` asked for `proofs`. */
        proof?: string;
        initialState?: Json;
        sinceSnapshot?: number;
        /** The version of the model, if it is not that of `connect`: then the connection gets verdicts only. */
        modelVersion?: number;
        /** In place of a large `initialState`, if `connect` asked for `stateChunks`. */
        snapshot?: ChunkedSnapshot;
        limits?: Record<string, number>;
        /** The id of this connection among the peers, if `connect` asked for `presence`. */
        peerId?: string;
        /** Who is connected, and to which tenant's partition, if `connect` asked for `principal`. */
        principal?: string;
        tenant?: string;
        /** The own author in events, if `connect` asked for `authors` and the model shows it. */
        author?: string;
        /** When the token expires, in milliseconds since 1970, if `connect` asked for `renewal`. */
        expiresAt?: number;
      }
    > & { inReplyTo: string })
  /** The new token is in force, until `expiresAt` (milliseconds since 1970). */
  | (Envelope<"renewed", { expiresAt: number }> & { inReplyTo: string })
  | Envelope<"event_accepted", { draftId: string } & NumberedEvent>
  | Envelope<"event_rejected", { draftId: string; reason: ErrorCode; errors: Violation[] } & Omit<Problem, "errors">>
  /** `draftId`: for own events, if `connect` asked for `broadcastDraftIds`. */
  | Envelope<"broadcast", NumberedEvent & { draftId?: string }>
  | (Envelope<
      "sync_response",
      {
        /** A `ChunkedSnapshot` only if `connect` asked for `stateChunks`. */
        snapshot?: { state: Json; eventIndex: number } | ChunkedSnapshot;
        /** `draftId`: for own events, if `connect` asked for `draftIds`. */
        events: (NumberedEvent & { draftId?: string })[];
        currentEventIndex: number;
        hasMore: boolean;
        nextSinceEventId: number;
        /** Of the last event that the page brings, if `connect` asked for `proofs`. */
        proof?: string;
      }
    > & { inReplyTo?: string })
  /** A chunk of the snapshot at `eventIndex`; the text of all of them, in order, is the JSON text of the state. */
  | (Envelope<"state_chunk", { eventIndex: number; chunk: number; text: string }> & { inReplyTo: string })
  | Envelope<"events_result", { batchId: string; results: WireBatchResult[] }>
  | Envelope<"head", { currentEventIndex: number }>
  /** `sha256`: the hash of the canonical JSON of the state after event `eventIndex`, in lower-case hexadecimal. */
  | (Envelope<"hash", { eventIndex: number; sha256: string }> & { inReplyTo: string })
  /** The peers that have changed, and those that have left. `all`: the message lists all peers. The receiver's own entry can be among them. */
  | Envelope<"presence", { peers: Peer[]; gone: string[]; all?: true }>
  /** The client returns `probe` with an `ack`; only if `connect` asked for `probes`. */
  | Envelope<"probe", { probe: string }>
  /** Whether the partition accepts no new event for now: after `connected`, and whenever that changes; only if `connect` asked for `readOnly`. */
  | Envelope<"read_only", { readOnly: boolean }>
  /** The server is about to end this connection: the client reconnects after `reconnectAfterMs`. */
  | Envelope<"draining", { reconnectAfterMs: number }>
  | (Envelope<"heartbeat", Record<string, never>> & { inReplyTo?: string })
  | (Envelope<"error", { message: string; details?: Json; draftId?: string } & Problem> & { inReplyTo?: string });
