import type { JsonObject } from "../../protocol/index.ts";
import type { QueueEntry, QueueStore } from "../stores/store.ts";
import type { FeedItem } from "./feed.ts";

/** What sends drafts and follows the log for a client: an engine of its own, or the one of the tab that leads. */
export interface Backend {
  /** False: another tab keeps the base in the store, or it may have events in it that the store has as undecided. */
  readonly keepsBase?: boolean;
  /** Begins, with the entries of earlier lives in their order. */
  start(entries: readonly QueueEntry[]): void;
  /** Takes an entry to send, behind the others. `sent`: the server may have seen it. */
  offer(entry: QueueEntry, sent?: boolean): void;
  /** Takes an entry back if the server cannot have seen it; then its verdict is `withdrawn`, and told before this is done. */
  withdraw(key: string): void | Promise<void>;
  /** Has other tabs forget a parked entry. */
  discard?(key: string): void;
  /** What others are shown of us; null: nothing. */
  show(state: JsonObject | null): void;
  pause(): void;
  resume(): void;
  /** Compares the confirmed state with the server's; undefined: there was no answer. */
  verify(): Promise<boolean | undefined>;
  close(): void;
}

/** An engine, as a backend that may be one of several uses it. */
export interface EngineBackend extends Backend {
  withdraw(key: string): void;
  /** Tries at once, if it waits for its next attempt. */
  wake(): void;
}

/** Where an engine reports what happens, and where it gets its position from. */
export interface EngineHost {
  /** The last confirmed event, and the id of its log; undefined: nothing is known yet. */
  readonly cursor: { eventId: number; serverId: string | undefined };
  /** Applies the item, synchronously. Throws FoldError where the model cannot fold what the log holds. */
  take(item: FeedItem): void;
  /** SHA-256 of the canonical JSON of the confirmed state. */
  hash(): Promise<string>;
}

/** A client, as the host of its backend. */
interface BackendHost extends EngineHost {
  /** The confirmed state alone, as JSON text. */
  confirmed(): string;
  /** Whether the confirmed state has no event of an entry that is undecided here. */
  whole(): boolean;
}

/** What a backend is made from. */
export interface BackendParts {
  /** Makes an engine that reports to `host`. */
  engine(host: EngineHost): EngineBackend;
  host: BackendHost;
  store: QueueStore;
}
