import type { JsonObject } from "../protocol/index.ts";
import type { QueueEntry } from "./store.ts";

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
