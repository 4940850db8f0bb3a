import type { NumberedEvent, ServerMessage } from "../../src/protocol/index.ts";

type MemberResult =
  | ({ draftId: string; status: "accepted" } & NumberedEvent)
  | { draftId: string; status: "rejected"; reason: string; traceId: string }
  | { draftId: string; status: "not_processed"; code?: string; retryable?: boolean };

interface EventsResult {
  id: string;
  type: "events_result";
  timestamp: number;
  payload: { batchId: string; results: MemberResult[] };
}

interface Head {
  id: string;
  type: "head";
  timestamp: number;
  payload: { currentEventIndex: number };
}

/** A message of the server, parsed. */
export type Told = Exclude<ServerMessage, { type: "events_result" | "head" }> | EventsResult | Head;

/** What stands for one draft: its id, and its content in canonical form, as a retry must repeat it. */
export interface Member {
  draftId: string;
  content: string;
}

/** What a frame of a client asks for: what its answer is held against. `id` is the message's. */
export type Asked = { id: string; frame: string } & (
  | {
      kind: "connect";
      since: number | undefined;
      initialState: boolean;
      stateChunks: boolean;
      echo: boolean;
      arrays: boolean;
      credit: number | undefined;
      probes: boolean;
      readOnly: boolean;
    }
  | { kind: "sync"; since: number | undefined; limit: number | undefined }
  | { kind: "state_chunk"; eventIndex: number; chunk: number }
  | { kind: "heartbeat" }
  | { kind: "renew" }
  | { kind: "hash" }
  /** Not answered, unless it fails. */
  | { kind: "ack"; eventId: number }
  /** The same. */
  | { kind: "presence" }
  | ({ kind: "submit" } & Member)
  | { kind: "batch"; batchId: string; mode: "atomic" | "sequential"; members: readonly Member[] }
  /** The messages of a frame that holds several. */
  | { kind: "array"; parts: readonly Asked[] }
  /** Answered by an error, whatever it is. */
  | { kind: "nonsense" }
);

/** Parses a frame of the server: one message, or an array of them. */
export function parseFrame(frame: string): Told[] {
  return [JSON.parse(frame) as Told | Told[]].flat();
}
