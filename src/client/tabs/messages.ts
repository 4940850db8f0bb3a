import type { JsonObject } from "../../protocol/index.ts";
import type { FeedItem } from "../sync/feed.ts";
import type { QueueEntry } from "../stores/store.ts";

/** What every tab hears. */
type ToAll =
  | { kind: "pause" }
  | { kind: "resume" }
  /** A parked entry was given up. */
  | { kind: "discard"; key: string };

/** What only who leads takes. `from` names the tab. */
export type ToLeader =
  /** Where a tab stands, and all that is undecided there: what it lacks comes as `welcome`. */
  | {
      kind: "hello";
      /** Undefined: whoever leads. */
      leader: string | undefined;
      from: string;
      id: number;
      cursor: { eventId: number; serverId: string | undefined };
      shown: JsonObject | null;
      entries: readonly QueueEntry[];
    }
  /** An entry, behind those that were offered to this leader before. `sent`: the server may have seen it. */
  | { kind: "offer"; leader: string; entry: QueueEntry; sent: boolean }
  | { kind: "show"; from: string; state: JsonObject | null }
  /** Answered by `answer`. With a key: withdraw it; without: verify. */
  | { kind: "ask"; from: string; id: number; key?: string }
  /** Answered by `here`: a timer of a hidden tab may be a minute late, an answer is not. */
  | { kind: "beat" };

/** The answer to `ask`. Of verifying: whether the server has the leader's state, and which that is. */
export interface Answer {
  kind: "answer";
  term: string;
  to: string;
  id: number;
  same?: boolean | undefined;
  eventId?: number;
  hash?: string | undefined;
}

/** What who leads says. `term` names the time in which it does: what is left of an earlier one is ignored. */
export type FromLeader =
  /** It begins. */
  | { kind: "lead"; term: string }
  /** What a tab lacked. The state of a `reset` is JSON text here. What is told after it follows it. */
  | { kind: "welcome"; term: string; to: string; id: number; paused: boolean; items: readonly FeedItem[] }
  | { kind: "item"; term: string; item: FeedItem }
  | Answer
  | { kind: "here"; term: string }
  /** It has ended, without the tab. */
  | { kind: "gone"; term: string };

export type Message = ToAll | ToLeader | FromLeader;
