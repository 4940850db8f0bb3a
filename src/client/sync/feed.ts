import type { Json, JsonObject, Problem } from "../../protocol/index.ts";
import type { ConfirmedEvent } from "./replica.ts";
import type { StatusReport } from "./status.ts";
import type { QueueEntry } from "../stores/store.ts";
import type { BatchVerdict, Verdict } from "./verdict.ts";

/** Another connection and its presence. */
export interface Peer {
  /** The id of the connection, not of the user. */
  peerId: string;
  /** Empty if the model hides its authors. */
  clientId: string;
  /** What events say of its user; undefined: nothing. */
  author?: string;
  state: JsonObject;
}

/** The reports of an engine, in order. All tabs get the same. */
export type FeedItem =
  | { kind: "status"; report: StatusReport }
  /** The confirmed state was replaced. It may contain events of the entries in `sent`. */
  | {
      kind: "reset";
      serverId: string;
      eventId: number;
      proof: string | undefined;
      state: Json;
      sent: readonly string[];
      why: "first" | "far_behind" | "log_replaced" | "diverged";
    }
  /** What events say of the own user. */
  | { kind: "author"; author: string }
  /** The id of the log. Its events follow the known ones. */
  | { kind: "log"; serverId: string }
  /** The next events of the log, without gaps. */
  | { kind: "events"; events: readonly ConfirmedEvent[] }
  /** Another tab has queued this. */
  | { kind: "entry"; entry: QueueEntry }
  /** Another tab has discarded this parked entry. */
  | { kind: "discarded"; key: string }
  /** An entry has left the queue. Its events, if any, were reported before. */
  | { kind: "verdict"; key: string; verdict: Verdict | BatchVerdict }
  /** All peers. */
  | { kind: "peers"; peers: readonly Peer[] }
  /** The server does not show the presence of this client. */
  | { kind: "hidden"; problem: Problem }
  /** How many entries are left in the queue. */
  | { kind: "progress"; undecided: number };
