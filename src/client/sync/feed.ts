import type { Json, JsonObject } from "../../protocol/index.ts";
import type { ConfirmedEvent } from "./replica.ts";
import type { StatusReport } from "./status.ts";
import type { QueueEntry } from "../stores/store.ts";
import type { BatchVerdict, Verdict } from "./verdict.ts";

/** Somebody else who is connected, and what they show of themselves. */
export interface Peer {
  /** Names the connection, not the person. */
  peerId: string;
  clientId: string;
  state: JsonObject;
}

/** What the engine tells, in order. All tabs are told the same. */
export type FeedItem =
  | { kind: "status"; report: StatusReport }
  /** The confirmed state is this one. What of `sent` was accepted may be in it. */
  | {
      kind: "reset";
      serverId: string;
      eventId: number;
      state: Json;
      sent: readonly string[];
      why: "first" | "far_behind" | "log_replaced" | "diverged";
    }
  /** The log is this one; its events follow those that are known. */
  | { kind: "log"; serverId: string }
  /** The next events of the log, without a hole. */
  | { kind: "events"; events: readonly ConfirmedEvent[] }
  /** Another tab has queued this. */
  | { kind: "entry"; entry: QueueEntry }
  /** Another tab has given up this parked entry. */
  | { kind: "discarded"; key: string }
  /** An entry has left the queue. Its events, if any, were told before. */
  | { kind: "verdict"; key: string; verdict: Verdict | BatchVerdict }
  /** Who is connected; all of them. */
  | { kind: "peers"; peers: readonly Peer[] }
  /** How much of the queue is left, while it is drained. */
  | { kind: "progress"; undecided: number };
