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
  /** The version of the application's model that the client folds with; absent means: whatever the server has. */
  modelVersion: z.optional(z.int().check(z.positive())),
  initialState: z.optional(z.boolean()),
  sinceEventId: z.optional(count),
  /** False: an own event's `event_accepted` stands for its broadcast. */
  echo: z.optional(z.boolean()),
  /** The server may send an array of messages in one frame. */
  frames: z.optional(z.literal("array")),
  /** How many bytes of broadcasts may be unacknowledged. */
  credit: z.optional(z.int().check(z.minimum(bounds.creditBytesMin), z.maximum(bounds.creditBytesMax))),
  /** `connected` tells the server's limits. */
  limits: z.optional(z.boolean()),
  /** Pages name the drafts of the events that are this principal's own. */
  draftIds: z.optional(z.boolean()),
  /** This connection is told of the others' presence, and may show its own. */
  presence: z.optional(z.boolean()),
  /** `connected` tells when the token expires, so that it can be renewed in time. */
  renewal: z.optional(z.boolean()),
  /** The token, where the upgrade could bring none. */
  token: z.optional(z.string()),
});

/**
 * What makes a frame a draft: an id to answer to, and a type. Everything else that may be wrong with
 * the event is part of the verdict, so it is looked at later (`eventShape`).
 */
const submitEventPayload = z.object({
  draftId: id,
  // Not a loose object: its members are looked at later, and copying them costs.
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
    mode: z.enum(["atomic", "sequential"]),
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
  partition: z.optional(z.string()),
  limit: z.optional(z.int()),
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

/** Every message that a client may send. Unknown fields of the envelope and of a payload are ignored. */
export const clientMessage = z.discriminatedUnion("type", [
  z.object({ ...envelope, type: z.literal("connect"), payload: connectPayload }),
  z.object({ ...envelope, type: z.literal("submit_event"), payload: submitEventPayload }),
  z.object({ ...envelope, type: z.literal("submit_events"), payload: batchShape }),
  z.object({ ...envelope, type: z.literal("sync"), payload: syncPayload }),
  z.object({ ...envelope, type: z.literal("ack"), payload: z.object({ eventId: count }) }),
  z.object({ ...envelope, type: z.literal("hash"), payload: z.object({}) }),
  z.object({ ...envelope, type: z.literal("presence"), payload: presencePayload }),
  z.object({ ...envelope, type: z.literal("renew"), payload: z.object({ token: z.string() }) }),
  z.object({ ...envelope, type: z.literal("heartbeat"), payload: z.object({}) }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;

/**
 * Whether this is a `submit_event` as `clientMessage` takes it. Almost every frame is one, and this costs a
 * tenth of it (measured: docs/decisions/0002-windows.md); what is wrong with one that is not, `clientMessage` tells.
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

/** The types of `clientMessage`, for the message that names what would have been understood. */
export const clientMessageTypes = [
  "connect",
  "submit_event",
  "submit_events",
  "sync",
  "ack",
  "hash",
  "presence",
  "renew",
  "heartbeat",
] as const satisfies readonly ClientMessage["type"][];

/** The body of a request that carries frames of a connection without a WebSocket. */
export const postedShape = z.object({
  /** How many frames of the connection were sent before these. */
  before: count,
  /** Each what would be a text frame. */
  frames: z.array(z.string()).check(z.minLength(1), z.maxLength(bounds.postedFramesMax)),
});

/** The shape of a submitted event, but for its payload's own schema. Unknown fields are refused. */
export const eventShape = z.strictObject({
  type: z.string(),
  // Not a record: its members are the payload schema's business, and copying them costs.
  payload: z.custom<JsonObject>(isJsonObject, { error: "Invalid input: expected object" }),
  partition: z.optional(z.string()),
  version: z.optional(z.int().check(z.positive())),
});

/** Whether a draft's event has a type and a payload and nothing else, and so the shape `eventShape`: at a tenth of its cost. */
export function isBareEvent(event: JsonObject & { type: string }): boolean {
  return isJsonObject(event["payload"]) && Object.keys(event).length === 2;
}

/** The shape of `expectedEventId`, wherever a draft may carry one. */
export const expectedEventIdShape = z.optional(count);

/** A committed event as it travels. `version` is there where the draft stated one. */
export interface WireEvent {
  type: string;
  payload: JsonObject;
  version?: number;
  partition: string;
  /** `evt-<eventId>` */
  id: string;
  /** Milliseconds since 1970, never less than the event's before it. */
  timestamp: number;
  clientId: string;
}

/** An event with its place in the log. */
export interface NumberedEvent {
  eventId: number;
  event: WireEvent;
}

/** What became of one draft of a batch: the members of `event_accepted`, or of `event_rejected`, where they apply. */
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

/** A connection that shows something of itself. */
interface Peer {
  /** Unlike for each connection. */
  peerId: string;
  clientId: string;
  state: JsonObject;
}

/** Every message that the server sends. */
export type ServerMessage =
  | (Envelope<
      "connected",
      {
        serverId: string;
        currentEventIndex: number;
        initialState?: Json;
        sinceSnapshot?: number;
        limits?: Record<string, number>;
        /** Names this connection among the peers, where it asked for presence. */
        peerId?: string;
        /** When the token expires, in milliseconds since 1970, where `connect` asked for `renewal`. */
        expiresAt?: number;
      }
    > & { inReplyTo: string })
  /** The new token is in force, until `expiresAt` (milliseconds since 1970). */
  | (Envelope<"renewed", { expiresAt: number }> & { inReplyTo: string })
  | Envelope<"event_accepted", { draftId: string } & NumberedEvent>
  | Envelope<"event_rejected", { draftId: string; reason: ErrorCode; errors: Violation[] } & Omit<Problem, "errors">>
  | Envelope<"broadcast", NumberedEvent>
  | (Envelope<
      "sync_response",
      {
        snapshot?: { state: Json; eventIndex: number };
        /** `draftId`: of own events, where `connect` asked for `draftIds`. */
        events: (NumberedEvent & { draftId?: string })[];
        currentEventIndex: number;
        hasMore: boolean;
        nextSinceEventId: number;
      }
    > & { inReplyTo?: string })
  | Envelope<"events_result", { batchId: string; results: WireBatchResult[] }>
  | Envelope<"head", { currentEventIndex: number }>
  /** `sha256`: of the canonical JSON of the state after event `eventIndex`, in lower-case hexadecimal. */
  | (Envelope<"hash", { eventIndex: number; sha256: string }> & { inReplyTo: string })
  /** The peers that have changed, and those that are gone; `all`: these are all there are. One's own entry may be among them. */
  | Envelope<"presence", { peers: Peer[]; gone: string[]; all?: true }>
  /** The server is about to end this connection: connect anew after so many milliseconds. */
  | Envelope<"draining", { reconnectAfterMs: number }>
  | (Envelope<"heartbeat", Record<string, never>> & { inReplyTo?: string })
  | (Envelope<"error", { message: string; details?: Json; draftId?: string } & Problem> & { inReplyTo?: string });
