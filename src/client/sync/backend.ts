import type { JsonObject } from "../../protocol/index.ts";
import type { QueueEntry, QueueStore } from "../stores/store.ts";
import type { FeedItem } from "./feed.ts";

/** Sends drafts and follows the log for a client: its own engine, or the engine of the leading tab. */
export interface Backend {
  /** False: another tab saves the base, or it may contain events of entries that are undecided in the store. */
  readonly keepsBase?: boolean;
  /** Starts with the stored entries, in their order. The server may have seen them. */
  start(entries: readonly QueueEntry[]): void;
  /** Adds an entry to send after the others. `sent`: the server may have seen it. */
  offer(entry: QueueEntry, sent?: boolean): void;
  /**
   * Withdraws an entry if the server has not decided it, and will not. Then it reports the verdict `withdrawn` before it
   * returns or resolves. `replaced`: by a later one; not if the server waits for the entry.
   */
  withdraw(key: string, replaced?: true): void | Promise<unknown>;
  /** Whether a later entry can replace this one. True: possibly. */
  canReplace(key: string): boolean;
  /** Removes a parked entry in the other tabs. */
  discard?(key: string): void;
  /** Sets the presence of this client; null: none. */
  show(state: JsonObject | null): void;
  pause(): void;
  resume(): void;
  /** Compares the confirmed state with the server's. Undefined: there was no answer. */
  verify(): Promise<boolean | undefined>;
  close(): void;
}

/** An engine, as a backend that may be one of several uses it. */
export interface EngineBackend extends Backend {
  /** `unstored`: no other program can have it from the store. */
  withdraw(key: string, replaced?: true, unstored?: boolean): void | Promise<unknown>;
  /** Connects at once if it waits for its next attempt, or finds out whether its connection works. */
  wake(): void;
}

/** The last confirmed event. */
export interface Cursor {
  eventId: number;
  /** The id of its log; undefined: nothing is known yet. */
  serverId: string | undefined;
  /** Shows the server that the event is in its log (docs/PROTOCOL.md, 3.5); undefined: an earlier version did not keep it. */
  proof: string | undefined;
}

/** Where an engine reports what happens, and where it gets its position from. */
export interface EngineHost {
  readonly cursor: Cursor;
  /** Applies the item, synchronously. Throws FoldError where the model cannot fold what the log holds. */
  take(item: FeedItem): void;
  /**
   * Stores that the server may see these entries from now on. They are sent when it resolves, but for those that it resolves
   * with: another program has withdrawn or settled them, and nothing here waits for their verdicts.
   */
  mark(entries: readonly QueueEntry[]): Promise<readonly QueueEntry[] | undefined>;
  /**
   * Takes an entry out of the store that is not marked; resolves with whether it was there, and not marked: then no other
   * program sends it. Undefined: no other program has the store.
   */
  readonly release?: ((key: string) => Promise<boolean>) | undefined;
  /** SHA-256 of the canonical JSON of the confirmed state. */
  hash(): Promise<string>;
}

/** A client, as the host of its backend. */
interface BackendHost extends EngineHost {
  /** The confirmed state alone, as JSON text. */
  confirmed(): string;
  /** Whether the confirmed state has no event of an entry that is undecided here. */
  onlyDecided(): boolean;
}

/** What a backend is made from. */
export interface BackendParts {
  /** Makes an engine that reports to `host`. */
  engine(host: EngineHost): EngineBackend;
  host: BackendHost;
  store: QueueStore;
}

/** A tab of a browser, among those that share a store. */
export interface OwnTab {
  readonly id: string;
  /**
   * Goes on with what the tab `id` has left, or is to leave: no other tab does the same until the function is called that
   * it resolves with. `waits`: until that tab has ended; otherwise it resolves with undefined while that is open.
   */
  hold(id: string, waits: boolean): Promise<(() => void) | undefined>;
}

export interface NewBackend {
  (parts: BackendParts): Backend;
  /** Undefined: there are no other tabs. */
  readonly tab?: OwnTab;
}
