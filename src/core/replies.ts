import type { Author, Json, TracedFailure } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import type { Submission } from "./commands.ts";

/** What a connection receives, whatever dialect it speaks. `now` is when; the rest derives from what is stored. */
export type Reply =
  | {
      kind: "connected";
      requestId: string;
      now: number;
      serverId: string;
      currentEventIndex: number;
      /** Of the last event; undefined where there is none. */
      proof: string | undefined;
      /** JSON text. */
      initialState: string | undefined;
      /** The version of the model; undefined: it is that of the client, or the client has named none. */
      modelVersion?: number | undefined;
      sinceSnapshot: number | undefined;
      /** In place of `initialState`. */
      snapshot: ChunkedSnapshot | undefined;
      peerId: string | undefined;
      /** Who is connected; undefined in open development mode, where nobody is verified. */
      principal: string | undefined;
      tenant: string;
      /** Its author in events; undefined where the model shows none. */
      author: string | undefined;
      expiresAt: number | undefined;
    }
  /** The token that was sent is in force. */
  | { kind: "renewed"; requestId: string; now: number; expiresAt: number }
  /** To be returned by who reads it. */
  | { kind: "probe"; now: number; probe: string }
  /** This connection ends, and may come back in `reconnectAfterMs`. */
  | { kind: "draining"; now: number; reconnectAfterMs: number }
  /** The verdict on the submission under `key`. */
  /** `replayed`: a draft of it was decided before. */
  | { kind: "decided"; key: string; mode: Submission["mode"]; verdict: Verdict; replayed: boolean }
  /** Out of credit: no more broadcasts until this connection has pulled up to the head. */
  | { kind: "head"; now: number; currentEventIndex: number }
  | { kind: "page"; requestId: string; now: number; page: Page }
  /** Events after those that this connection has received, in order: see `ConnectedClient.passive`. */
  | { kind: "events"; events: readonly EventRow[] }
  /** `text`: this part of the state, as JSON text. */
  | { kind: "state_chunk"; requestId: string; now: number; eventId: number; chunk: number; text: string }
  /** Of the state after event `eventIndex`; `sha256` in lower-case hexadecimal. `bytes`: how many were hashed for it. */
  | { kind: "hash"; requestId: string; now: number; eventIndex: number; sha256: string; bytes: number }
  | { kind: "heartbeat"; requestId: string; now: number }
  /** Whether the partition accepts no new event for now. */
  | { kind: "read_only"; now: number; readOnly: boolean }
  /** `all`: these peers are all there are; otherwise they are those that have changed. */
  | { kind: "presence"; now: number; all: boolean; peers: readonly Peer[]; gone: readonly string[] }
  | { kind: "error"; requestId: string | undefined; draftId: string | undefined; failure: TracedFailure };

/** A connection that shows something of itself. */
export interface Peer {
  /** Unique per connection. */
  peerId: string;
  clientId: string;
  /** As in its events; undefined where the model shows none. */
  author: string | undefined;
  /** JSON text of an object. */
  state: string;
}

/** What became of the drafts of a submission, in their order; of a single draft there is one result. */
export interface Verdict {
  /** When it was decided: the time of its last event or rejection. */
  timestamp: number;
  results: readonly DraftResult[];
}

export type DraftResult =
  | { kind: "accepted"; event: EventRow }
  /** `recordId`: of the stored rejection, where this draft has one of its own. */
  | { kind: "rejected"; draftId: string; failure: TracedFailure; recordId?: number | undefined }
  /** Nothing was done and nothing stored; the draft is open. `failure`: why, where it was this one that failed. */
  | { kind: "not_processed"; draftId: string; failure?: TracedFailure };

/** A stored snapshot that its reader requests by chunks; without chunks it is the model's initial state. */
export interface ChunkedSnapshot {
  eventId: number;
  chunks: number;
  /** UTF-8 bytes of the state as JSON text. */
  bytes: number;
  /** Of the event `eventId`; undefined where that is 0. */
  proof: string | undefined;
}

/** A contiguous run of the log after a cursor, and where to go on. */
export interface Page {
  snapshot: { eventId: number; /** JSON text. */ state: string } | ChunkedSnapshot | undefined;
  events: EventRow[];
  currentEventIndex: number;
  hasMore: boolean;
  nextSinceEventId: number;
  /** Of the last event that it brings; undefined: it brings none. */
  proof: string | undefined;
  /** The principal whose events name their drafts; undefined: none do. */
  draftIdsOf: string | undefined;
}

/** The answer to a submission. */
export type Outcome =
  /** `replayed`: nothing was decided now, because the key was used before; of a sequential batch, for one of its drafts. */
  | { kind: "decided"; verdict: Verdict; replayed: boolean }
  /** Not a verdict: nothing was stored, and where the failure is retryable the outcome is open. */
  | { kind: "refused"; failure: TracedFailure };

/** Receives what a connection is sent: a socket, later another object. */
export interface Subscriber {
  /** Whether its peer can vanish without a word. */
  readonly mayVanish: boolean;
  /** How many bytes its next page may have; undefined: as many as any. */
  readonly pageBytes?: number | undefined;
  /**
   * What one window has for this connection: replies, then events. All subscribers that receive the same events
   * get the same array, so that they are serialised once. Must not throw.
   */
  deliver(replies: readonly Reply[], broadcasts: readonly EventRow[]): void;
  /** Keeps what the session must know again after hibernation. */
  save(session: SessionState): void;
}

/** The failures that may pass: after one of these a connection waits for the same draft. */
export type HoldingCode =
  | "storage_unavailable"
  | "schema_mismatch"
  | "quarantined"
  | "rebuilding"
  | "overloaded"
  | "rate_limited"
  | "read_only"
  | "identity_unavailable"
  | "partition_unavailable";

/** Who connected, and what it asked for. */
export interface ConnectedClient {
  clientId: string;
  echo: boolean;
  credit: number | undefined;
  draftIds: boolean;
  /** Whether broadcasts name the drafts of the principal's own events; undefined in sessions of earlier versions. */
  broadcastDraftIds?: boolean;
  /** Whether a large state comes as chunks of a snapshot; undefined in sessions of earlier versions. */
  stateChunks?: boolean;
  /** Whether its events have their authors; undefined in sessions of earlier versions. */
  authors?: boolean;
  /** Whether it returns probes; undefined in sessions of earlier versions. */
  probes?: boolean;
  /**
   * A client whose wire has no acknowledgements and no request for what it has missed: its pages come in cycles, each with
   * an end that is fixed by its first page; what was committed meanwhile is sent after the last one without a request; and
   * what is sent to it counts as read at a slow pace.
   */
  passive?: boolean;
  /** Whether it is answered where its presence is not shown; undefined in sessions of earlier versions. */
  presenceRefusals?: boolean;
  /** Whether the partition is read-only, as this connection has last received it; undefined: it did not ask for that. */
  readOnly?: boolean;
  /** What others know this connection by; undefined: it did not ask for presence. */
  peerId: string | undefined;
}

/** What is known of a connection. */
export interface Conversation {
  /** Who it is; in open development mode `connect` says so, and elsewhere a token: at the door, or in `connect`. */
  author: Author | undefined;
  /** Whether `connect` has to bring a token. */
  awaitsToken: boolean;
  /** Set by `connect`. */
  client: ConnectedClient | undefined;
  /** Set by `connect`: what the dialect keeps; only the dialect reads it. */
  wire: Json | undefined;
  /** Of a passive client in a cycle of pages: the last event of the cycle; absent: it is in none. */
  cycleEnd?: number | undefined;
  /** The draft that was refused for now, and holds back the later ones. */
  held: { draftId: string; code: HoldingCode } | undefined;
  /** What this connection shows of itself, as JSON text. */
  presence: string | undefined;
  /** The log id that was announced while nothing was stored yet. */
  provisionalLogId: string | undefined;
  /** What pseudonyms were made of meanwhile; absent in sessions of earlier versions, and where there are none. */
  provisionalSecret?: string | undefined;
}

/** What is kept of a connection over hibernation, in its attachment: small, and JSON. */
export interface SessionState extends Conversation {
  /** See `CursorState`. */
  behind: number | undefined;
  /** `CursorState.delivered`. */
  told: number | undefined;
}
