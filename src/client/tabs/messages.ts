import type { JsonObject } from "../../protocol/index.ts";
import type { Cursor } from "../sync/backend.ts";
import type { FeedItem } from "../sync/feed.ts";
import type { QueueEntry } from "../stores/store.ts";

/** Messages for all tabs. */
type ToAll =
  | { kind: "pause" }
  | { kind: "resume" }
  /** A parked entry was discarded. */
  | { kind: "discard"; key: string };

/** Messages for the leader. `from` is the id of the tab. */
export type ToLeader =
  /** The position of a tab, and its undecided entries. The leader answers with `welcome`. */
  | {
      kind: "hello";
      /** Undefined: any leader. */
      leader: string | undefined;
      from: string;
      id: number;
      cursor: Cursor;
      shown: JsonObject | null;
      entries: readonly QueueEntry[];
      unstored?: boolean;
    }
  /**
   * An entry, after those that the tab has offered to this leader before. `sent`: the server may have seen it. `unstored`: it
   * may not be in the store.
   */
  | { kind: "offer"; leader: string; entry: QueueEntry; sent: boolean; unstored?: boolean }
  | { kind: "show"; from: string; state: JsonObject | null }
  /**
   * Answered by `answer`. With a key: withdraw the entry, which a later one may have `replaced`, and which may be `unstored`.
   * Without: verify the state.
   */
  | { kind: "ask"; from: string; id: number; key?: string; replaced?: true; unstored?: boolean }
  /** Answered by `here`. A timer of a hidden tab may be a minute late, but an answer is not. */
  | { kind: "beat" };

/** The answer to `ask`. After verifying: whether the state of the leader equals the server's, and its position and hash. */
export interface Answer {
  kind: "answer";
  term: string;
  to: string;
  id: number;
  same?: boolean | undefined;
  eventId?: number;
  hash?: string | undefined;
}

/** Messages from the leader. `term` is the id of its term: messages of an earlier term are ignored. */
export type FromLeader =
  /** A term begins. */
  | { kind: "lead"; term: string }
  /** The items that a tab was missing; later items follow them. The state of a `reset` is JSON text here. */
  | { kind: "welcome"; term: string; to: string; id: number; paused: boolean; items: readonly FeedItem[] }
  | { kind: "item"; term: string; item: FeedItem }
  | Answer
  | { kind: "here"; term: string }
  /** The term has ended, but the tab is still open. */
  | { kind: "gone"; term: string };

export type Message = ToAll | ToLeader | FromLeader;
