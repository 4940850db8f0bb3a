import type { JsonObject, Problem } from "../../protocol/index.ts";

/** One draft as the application gave it, under the id that the client made for it. */
export interface QueuedDraft {
  /** The idempotency key: a UUIDv7. Every retry uses it again. */
  draftId: string;
  type: string;
  payload: JsonObject;
  /** The version of the payload; absent means 1. */
  version?: number;
  expectedEventId?: number;
}

/**
 * What the application submitted at once: a draft by itself, or a batch. JSON throughout, and not
 * changed by anyone once a store has it, but through `update`.
 */
export interface QueueEntry {
  /** The draft's id, or the batch's. */
  key: string;
  mode: "single" | "atomic" | "sequential";
  drafts: readonly QueuedDraft[];
  /** Milliseconds since 1970. */
  queuedAt: number;
  /** The server failed on it without deciding it: kept, and not sent again by itself. */
  parked?: Problem;
}

/** A confirmed state to begin with after a reload, before the server can be reached. */
export interface StoredBase {
  /** The log that it is the state of. */
  serverId: string;
  eventId: number;
  modelVersion: number;
  /** As JSON text. */
  state: string;
}

/**
 * Where the client keeps what is undecided: one for each partition and principal. Several may be open
 * on one scope at a time, as in several tabs: they share one queue. Calls take effect in the order in
 * which they are made, and each promise resolves when its effect would survive a crash of the program.
 * An append survives a power cut, too; a removal may come undone by one, and then the draft is sent
 * again under its key, to get the verdict that it had.
 *
 * All methods reject with `StoreError`; a rejected call may yet have taken effect, and doing it again
 * is safe. After `close` every call is rejected.
 */
export interface QueueStore {
  /** Whether what is kept here survives a reload. */
  readonly durable: boolean;
  /** All entries, in the order in which they were appended, and the base if one was saved. */
  load(): Promise<{ entries: QueueEntry[]; base: StoredBase | undefined }>;
  /** The name of this device: the one that is kept, or `fresh`, which is kept from then on. */
  identify(fresh: string): Promise<string>;
  /** Adds to the end. An entry whose key is there already changes nothing. */
  append(entry: QueueEntry): Promise<void>;
  /** Replaces the entry with this key, in its place; nothing if it is gone. */
  update(entry: QueueEntry): Promise<void>;
  /** Forgets entries; unknown keys are ignored. */
  remove(keys: readonly string[]): Promise<void>;
  /**
   * Replaces the base. Resolves with whether it was kept: `openResilient` says false where the store
   * below rejects, for a base is only a cache.
   */
  saveBase(base: StoredBase): Promise<boolean>;
  /** Waits for the calls made before it. May be called again. */
  close(): Promise<void>;
}

/** Opens the store of one partition and principal; `scope`, any string, names both. Rejects with `StoreError`. */
export type OpenStore = (scope: string) => Promise<QueueStore>;

/** A store could not do what it was asked for. `reason` is for the application, which may tell its user. */
export class StoreError extends Error {
  override name = "StoreError";
  readonly reason: StoreFailure;

  constructor(reason: StoreFailure, cause: unknown) {
    super(`the store failed: ${reason}`, { cause });
    this.reason = reason;
  }
}

/**
 * `quota`: there is no more room. `blocked`: another tab or process did not let go of the database in
 * time. `unavailable`: there is no such storage here, as in some private modes. `failed`: anything
 * else, also a database that a newer version of the application has changed.
 */
export type StoreFailure = "quota" | "blocked" | "unavailable" | "failed";
