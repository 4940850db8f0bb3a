import type * as z from "zod/mini";
import type { AnyModel, DeepReadonly } from "../../model/index.ts";
import {
  draftBounds,
  type Failure,
  type JsonObject,
  parseJson,
  type Problem,
  utf8Length,
} from "../../protocol/index.ts";
import type { QueuedDraft, QueueEntry } from "../stores/store.ts";
import { type Ports, uuidv7 } from "../transport/ports.ts";

/** Bytes of a message besides its drafts. */
const envelopeBytes = 1_024;

export type Payloads = Record<string, z.core.$ZodType>;
export type EventType<P extends Payloads> = keyof P & string;

/** One draft of a batch. */
export type BatchDraft<P extends Payloads> = {
  [Type in EventType<P>]: { type: Type; payload: z.core.input<P[Type]>; expectedEventId?: number };
}[EventType<P>];

/** How to submit a draft. */
export interface SubmitOptions<S, Payload> {
  /** Rejects the draft if others have changed the same data after this event; usually `client.eventId`. */
  expectedEventId?: number;
  /**
   * With `expectedEventId`: called after a conflict, when the events in between are in the state.
   * Returns the payload to try again with, as a new draft, or undefined to give up. Called at most
   * three times.
   */
  onConflict?: (state: DeepReadonly<S>, problem: Problem) => Payload | undefined;
  /** Stops waiting. A draft that was not sent is `withdrawn`; any other is `undecided`. */
  signal?: AbortSignal;
}

/** An entry of the queue as the application sees it. */
export interface PendingEntry {
  key: string;
  mode: QueueEntry["mode"];
  drafts: readonly QueuedDraft[];
  /** Milliseconds since 1970. */
  queuedAt: number;
  /** Why the entry does not fit the current state, and is not in it. */
  failure: Failure | undefined;
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
): QueueEntry | Failure {
  const drafts: QueuedDraft[] = [];
  for (const { type, payload, expectedEventId } of given) {
    const read = parseJson(JSON.stringify(payload) ?? "null");
    if (!read.ok) {
      return { code: "bad_request", detail: "The payload is not valid JSON.", errors: read.violations };
    }
    const version = model.eventType(type)?.version ?? 1;
    drafts.push({
      draftId: uuidv7(ports),
      type,
      payload: read.value as JsonObject,
      ...(version === 1 ? {} : { version }),
      ...(expectedEventId === undefined ? {} : { expectedEventId }),
    });
  }
  const { batchEventsMax, frameBytesMax } = draftBounds;
  if (drafts.length === 0 || drafts.length > batchEventsMax) {
    return { code: "bad_request", detail: `A batch has 1 to ${batchEventsMax} events.` };
  }
  if (utf8Length(JSON.stringify(drafts)) > frameBytesMax - envelopeBytes) {
    return { code: "payload_too_large", detail: `A frame may have at most ${frameBytesMax} bytes.` };
  }
  const key = mode === "single" ? drafts[0]!.draftId : uuidv7(ports);
  return { key, mode, drafts, queuedAt: ports.now() };
}
