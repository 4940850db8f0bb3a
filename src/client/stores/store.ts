import type { JsonObject, Problem } from "../../protocol/index.ts";

/** One draft of the application, with the id that the client made for it. */
export interface QueuedDraft {
  /** The idempotency key: a UUIDv7. Each retry uses the same. */
  draftId: string;
  type: string;
  payload: JsonObject;
  /** The version of the payload; 1 if absent. */
  version?: number;
  expectedEventId?: number;
  /**
   * If it is merged with what comes: the ids of the undecided drafts of its tab that it was made on, besides the event
   * `expectedEventId`, in order. It is mapped at a later start only where these are known. It is not sent. Absent: they are not known.
   */
  on?: readonly string[] | undefined;
}

/**
 * What the application submits at once: a single draft, or a batch. It is plain JSON. After `append` it
 * changes only by `update`.
 */
export interface QueueEntry<Draft = QueuedDraft> {
  /** The id of the draft, or of the batch. */
  key: string;
  mode: "single" | "atomic" | "sequential";
  drafts: readonly Draft[];
  /** Milliseconds since 1970. */
  queuedAt: number;
  /** What it changes, as the application names it: while it is not sent, a later entry with the same name replaces it. */
  replaces?: string | undefined;
  /**
   * Since when the server may have seen it, in milliseconds since 1970 by the server's clock; 0: it was not sent. Absent: since
   * `queuedAt`.
   */
  sentAt?: number;
  /** Set if the server failed on the entry without deciding it. It is kept, and sent again only by `retry`. */
  parked?: Problem;
  /**
   * Set if drafts of it are merged with what comes before they are sent, and it waits for another entry: so it may still
   * change. Then `parked` is set, too, so that only the client sends it that keeps it.
   */
  held?: true;
  /**
   * The tab that its drafts were made in, if they are merged with what comes: each was made on those before it of the same
   * tab. Only that tab sends what is held, or one that goes on with it. Absent: there are no tabs, or its type is not merged.
   */
  tab?: string;
  /**
   * Its drafts, if they are merged with what comes: as they were on the event `expectedEventId`, for the next start. What is
   * sent is `drafts`.
   */
  mapped?: readonly Draft[] | undefined;
  /** The key of the entry in the place of which it was submitted, because the server could not merge that any more. */
  again?: string;
  /**
   * Set if the server has rejected the entry, which is kept to be read: its verdict, as JSON. Then `parked` is set, too, so that
   * an earlier version of the client does not send it.
   */
  rejected?: object;
}

/** What a store has to have. */
export interface Backup {
  /** The name of this device; undefined: not known yet. */
  clientId: string | undefined;
  /** In order. */
  entries: readonly QueueEntry[];
}

/** A confirmed state to start with, before the server is reached: kept for a reload, or rendered by a server. Plain JSON. */
export interface Snapshot {
  /** The id of the log. */
  serverId: string;
  eventId: number;
  /** Shows the server that the event `eventId` is in its log. Absent: an earlier version saved the base. */
  proof?: string | undefined;
  /** The name of the model. Absent: an earlier version made it. */
  model?: string | undefined;
  modelVersion: number;
  /** JSON text. */
  state: string;
}

/** A confirmed state that is kept for the next start. */
export interface StoredBase extends Snapshot {
  /** What events say of the user. Absent: nothing, or an earlier version saved the base. */
  author?: string | undefined;
  /** The events after it: the texts of `extendBase`, in order. Absent: none. */
  tail?: readonly string[];
}

/** Events that continue a base. */
export interface BaseTail {
  /** The id of the log, the last event that is stored, and its proof: the end that this continues. */
  serverId: string;
  after: number;
  afterProof: string | undefined;
  /** The last one of these events, and its proof: the end from then on. */
  eventId: number;
  proof: string | undefined;
  /** JSON text. */
  events: string;
}

/**
 * Keeps the undecided entries of one partition and principal. Several stores may be open on one scope at
 * the same time, for example in several tabs: they share one queue. Calls take effect in the order in
 * which they are made. Each promise resolves when its effect survives a crash of the program. An append
 * also survives a power cut. A power cut may undo a removal; then the client sends the draft again with
 * its key, and gets the same verdict.
 *
 * All methods reject with `StoreError`. A rejected call may have taken effect; it is safe to repeat it.
 * After `close` all calls reject.
 */
export interface QueueStore {
  /** Whether the content survives a reload. */
  readonly durable: boolean;
  /** Returns all entries, in the order in which they were appended, and the base if one was saved. */
  load(): Promise<{ entries: QueueEntry[]; base: StoredBase | undefined }>;
  /** Returns the name of this device. The first call stores `fresh`. */
  identify(fresh: string): Promise<string>;
  /** Adds the entry to the end. Does nothing if its key exists. */
  append(entry: QueueEntry): Promise<void>;
  /** Replaces the entry with this key, in its place. Does nothing if there is none, and may then resolve with false. */
  update(entry: QueueEntry): Promise<boolean | void>;
  /** Removes entries. Ignores unknown keys. */
  remove(keys: readonly string[]): Promise<void>;
  /**
   * Removes the entry if it is there and its `sentAt` is 0, and resolves with whether it was so: in one transaction, so that
   * of a client that withdraws it and another that is about to send it one comes first. For a store that several programs
   * may have open at the same time; without it they find out from the log.
   */
  removeUnsent?(key: string): Promise<boolean>;
  /**
   * Replaces the base and its tail. Resolves with true if it was saved. The client continues without a base if this
   * fails, because a base is only a cache.
   */
  saveBase(base: StoredBase): Promise<boolean>;
  /**
   * Adds to the tail of the base. Resolves with false, and changes nothing, if what is stored does not end with `after`
   * and `afterProof` in the log `serverId`: another tab may have replaced it. A store without this method keeps the
   * base alone; then the client writes it again when the events after it are half as long, and not before.
   */
  extendBase?(tail: BaseTail): Promise<boolean>;
  /**
   * For a store whose content may be deleted by others while it is open, as that of a browser by its user. After that it
   * takes the name and the entries of `backup`, before it goes on; those that it still has stay as they are.
   */
  protect?(backup: () => Backup): void;
  /** Deletes the base, or all of this scope: the entries, the base, and the name of the device. */
  delete(what: "base" | "everything"): Promise<void>;
  /** Waits for all earlier calls. May be called again. */
  close(): Promise<void>;
}

/** Opens stores, and knows which there are. */
export interface OpenStore {
  /** Opens the store of one partition and principal; `scope`, any string, identifies both. Rejects with `StoreError`. */
  (scope: string): Promise<QueueStore>;
  /** The scopes that have a name of the device, so that `signOut` finds them. */
  scopes?(): Promise<string[]>;
}

/** A call of a store failed. The application may show `reason` to its user. */
export class StoreError extends Error {
  override name = "StoreError";
  readonly reason: StoreFailure;

  constructor(reason: StoreFailure, cause: unknown) {
    super(`the store failed: ${reason}`, { cause });
    this.reason = reason;
  }
}

/**
 * `quota`: there is no more space. `blocked`: it has not answered in time, for example because
 * another tab or process holds the database. `unavailable`: there is no such storage here, for example in some private modes. `failed`: any other
 * failure, for example a database that a newer version of the application has changed.
 */
export type StoreFailure = "quota" | "blocked" | "unavailable" | "failed";
