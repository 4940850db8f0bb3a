import type * as z from "zod/mini";
import type { AnyModel, DeepReadonly, PayloadOf } from "../../model/index.ts";
import {
  draftBounds,
  exceedsUtf8,
  type Failure,
  type JsonObject,
  type Problem,
  unsendableIn,
  utf8Length,
  type Violation,
  type WireEvent,
} from "../../protocol/index.ts";
import type { QueuedDraft, QueueEntry } from "../stores/store.ts";
import { submissionOf } from "../sync/messages.ts";
import { messageText } from "../transport/link.ts";
import { type Ports, uuidv7 } from "../transport/ports.ts";

/** As long as the id of a message can be. */
const longestId = `c${Number.MAX_SAFE_INTEGER}`;

export type Payloads = Record<string, z.core.$ZodType>;
export type EventType<P extends Payloads> = keyof P & string;

/** One draft of a batch. */
export type BatchDraft<P extends Payloads> = {
  [Type in EventType<P>]: { type: Type; payload: z.core.input<P[Type]>; expectedEventId?: number };
}[EventType<P>];

/** An event of the model: `type` tells the type of `payload`. It is of the current version. */
export type EventOf<P extends Payloads, Type extends EventType<P> = EventType<P>> = {
  [One in Type]: Omit<WireEvent, "type" | "payload"> & { type: One; payload: PayloadOf<P, One> };
}[Type];

/**
 * A draft in the queue: `type` tells the type of `payload`. One that an earlier version of the application has queued has
 * the payload of its `version`.
 */
export type DraftOf<P extends Payloads> = {
  [Type in EventType<P>]: Omit<QueuedDraft, "type" | "payload"> & { type: Type; payload: PayloadOf<P, Type> };
}[EventType<P>];

/** How to submit a draft. */
export interface SubmitOptions<S, Payload> {
  /** Rejects the draft if others have changed the same data after this event; usually `client.eventId`. */
  expectedEventId?: number;
  /**
   * With `expectedEventId`: called after a conflict, when the events in between are in the state.
   * Returns the payload to try again with, as a new draft, or undefined to give up. Called at most
   * three times, and not while a later draft is pending that `replaces` the same.
   */
  onConflict?: (state: DeepReadonly<S>, problem: Problem) => Payload | undefined;
  /**
   * Names what the draft changes, for example `drag:card-7`. Pending drafts with the same name that were not sent are
   * withdrawn: this one takes their place, at the end of the queue, and is judged without them. So it has to say all that
   * they said.
   */
  replaces?: string;
  /** Stops waiting. A draft that was not sent is `withdrawn`; any other is `undecided`. */
  signal?: AbortSignal;
}

/** An entry of the queue as the application sees it. */
export interface PendingEntry<Draft = QueuedDraft> {
  key: string;
  mode: QueueEntry["mode"];
  drafts: readonly Draft[];
  /** Milliseconds since 1970. */
  queuedAt: number;
  /** See `SubmitOptions`. */
  replaces?: string | undefined;
  /** Why the entry does not fit the current state, and is not in it. Or `status.held`: it is in it, and is sent later. */
  failure: Failure | undefined;
  /**
   * Whether the client cannot know yet if it fits: the state is not here, or may have it already, as after a reload
   * without a kept state. If it is not in `state`, it comes back, or its verdict comes.
   */
  waiting: boolean;
  /** It was sent before its undo: it is not in the state, and is undone when it is accepted. */
  undoing: boolean;
}

/** A draft as the application submits it. */
interface GivenDraft {
  type: string;
  payload: unknown;
  expectedEventId?: number;
}

/** Makes an entry of drafts, or returns why the server would not accept its message. */
export function entryOf(
  model: AnyModel,
  ports: Ports,
  mode: QueueEntry["mode"],
  given: readonly GivenDraft[],
  more: Pick<QueueEntry, "replaces" | "sentAt">,
): QueueEntry | Failure {
  const { batchEventsMax } = draftBounds;
  if (given.length === 0 || given.length > batchEventsMax) {
    return { code: "bad_request", detail: `A batch has 1 to ${batchEventsMax} events.` };
  }
  const drafts = given.map(({ type, payload, expectedEventId }): QueuedDraft => {
    const version = model.eventType(type)?.version ?? 1;
    return {
      draftId: uuidv7(ports),
      type,
      payload: payload as JsonObject,
      ...(version > 1 && { version }),
      ...(expectedEventId !== undefined && { expectedEventId }),
    };
  });
  const key = mode === "single" ? drafts[0]!.draftId : uuidv7(ports);
  return fitting({ key, mode, drafts, queuedAt: ports.now(), ...more });
}

/** The entry as its message carries it, or why the server would not accept that message. */
export function fitting(entry: QueueEntry): QueueEntry | Failure {
  const [type, payload] = submissionOf(entry);
  const violations = unsendableIn({ payload });
  if (violations.length > 0) {
    // Without what the message has around them.
    const errors = violations.map((violation) =>
      Object.assign(violation, { field: violation.field.replace(/^payload\.(events\[\d+\]\.)?(event\.)?/, "$1") }),
    );
    const [{ field, message }] = errors as [Violation];
    return { code: "bad_request", detail: `This cannot be sent: ${field}: ${message}`, errors };
  }
  const text = longestText(type, payload);
  const { frameBytesMax } = draftBounds;
  if (exceedsUtf8(text, frameBytesMax)) {
    const detail = `This takes ${utf8Length(text)} bytes of JSON; a draft or batch may take ${frameBytesMax}: divide it.`;
    return { code: "payload_too_large", detail };
  }
  const { payload: carried } = JSON.parse(text) as { payload: SentDraft & { events?: SentDraft[] } };
  const sent = carried.events ?? [carried];
  return { ...entry, drafts: entry.drafts.map((draft, at) => ({ ...draft, payload: sent[at]!.event.payload })) };
}

/** Returns why the server would not accept this presence, or undefined. */
export function presenceFailure(state: JsonObject): string | undefined {
  const [violation] = unsendableIn({ payload: { state } });
  if (violation) return `${violation.field.slice("payload.".length)}: ${violation.message}`;
  const { presenceBytesMax } = draftBounds;
  return exceedsUtf8(JSON.stringify(state), presenceBytesMax)
    ? `A presence may have at most ${presenceBytesMax} bytes of JSON.`
    : undefined;
}

/** The longest text that the message of `type` can have. */
function longestText(type: string, payload: JsonObject): string {
  return messageText(longestId, type, Number.MAX_SAFE_INTEGER, payload);
}

/** A draft in its message. */
interface SentDraft {
  event: { payload: JsonObject };
}
