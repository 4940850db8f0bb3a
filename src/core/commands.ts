import type { Annotations, Failure, Json, JsonObject, Author } from "../protocol/index.ts";

/** A client's proposal, as far as the wire could read it. What is inside `event` is judged, not trusted. */
export interface Draft {
  draftId: string;
  /** `type` is a string; everything else is as it came. */
  event: JsonObject & { type: string };
  expectedEventId: unknown;
  /** What belongs to its content beside the event. */
  annotations?: Annotations | undefined;
  /** The client that it names as its own; absent: none. It is rejected if the connection is of another one. */
  clientId?: string | undefined;
  /** Whom its key belongs to, where that is not the author: a scope that several share. */
  scope?: string | undefined;
  /** Why it is rejected, where its wire demands more than the model. */
  unfit?: Failure | undefined;
  /** Its place and time, where it is an event of another server; absent: it is new. */
  imported?: Imported | undefined;
  /** What led to it; absent: a client. It is no content: a retry need not repeat it. */
  cause?: Cause | undefined;
}

/** What led to a draft that an effect or a timer submits. */
interface Cause {
  /** Shared by all that one event has led to. */
  correlationId: string;
  /** How many effects led to it, one after the other. */
  hops: number;
  /** The trace id of the first of them; absent: it is not known. */
  traceId?: string | undefined;
  /** Whether that was accepted here: it is the answer to an effect of this partition, or one of its timers. */
  settles?: boolean;
}

/** What is submitted at once: one draft, or the drafts of a batch. */
export interface Submission {
  /** The idempotency key: of a single draft its own id, of a batch the batch's. */
  key: string;
  /**
   * `single`: one draft. `atomic`: all or none, one verdict. `sequential`: in order, each with its verdict, up to
   * the first that is not accepted.
   */
  mode: "single" | "atomic" | "sequential";
  drafts: readonly Draft[];
  /**
   * Of a sequential batch: its client sends the drafts that were not processed again as another submission, and does not
   * repeat the whole. So it holds back later ones only while nothing of it was decided.
   */
  resumes?: true;
}

/** The submission of one draft. */
export function single(draft: Draft): Submission {
  return { key: draft.draftId, mode: "single", drafts: [draft] };
}

/** Whom the key of a submission belongs to. */
export function keyHolderOf({ principal }: Author, { drafts }: Submission): string {
  return drafts[0]!.scope ?? principal;
}

/** What an event of another server keeps. */
export interface Imported {
  /** Its number, which has to be the next one of the log. */
  readonly eventId: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  /** Who has submitted it, as readers of that log see it; absent: nobody can say. */
  readonly author?: string | undefined;
}

/** What a connection shows of itself. It does not wait for a window. */
export interface PresenceCommand {
  kind: "presence";
  requestId: string;
  /** JSON text of an object; undefined: nothing any more. */
  state: string | undefined;
}

/** What a connection asks for, whatever wire it speaks. */
export type Command = SubmitCommand | ReadCommand;

/** Drafts to be decided. */
export interface SubmitCommand {
  kind: "submit";
  requestId: string;
  submission: Submission;
}

/** A command that writes nothing. */
export type ReadCommand =
  | {
      kind: "connect";
      requestId: string;
      clientId: string;
      partition: string | undefined;
      /** The name of the model that the client folds with. */
      model: string | undefined;
      modelVersion: number | undefined;
      /** Whether it connects for verdicts only if the version of the model is another one. */
      otherModel: boolean;
      initialState: boolean;
      /** Whether a large state comes as chunks of a snapshot. */
      stateChunks: boolean;
      sinceEventId: number | undefined;
      /** Of the event `sinceEventId`: shows that the client has read this log. */
      proof: string | undefined;
      /** Whether own events are broadcast to this connection, too. */
      echo: boolean;
      /** Bytes of broadcasts that may be unacknowledged; undefined: no flow control. */
      credit: number | undefined;
      /** Whether pages name the drafts of the principal's own events. */
      draftIds: boolean;
      /** Whether broadcasts do. */
      broadcastDraftIds?: boolean;
      /** Whether this connection receives presence, and may show its own. */
      presence: boolean;
      /** Whether it is answered where that is not shown. */
      presenceRefusals: boolean;
      /** The peer that this connection takes the place of. */
      replaces: string | undefined;
      /** Whether this connection receives whether the partition is read-only. */
      readOnly?: boolean;
      /** Whether its events have their authors. */
      authors: boolean;
      /** The most bytes of the page after `sinceEventId`; absent: `bounds.pageBytesMax`. */
      maxBytes?: number | undefined;
      /** Whether this connection returns probes. */
      probes: boolean;
      /** See `ConnectedClient.passive`. */
      passive?: boolean;
      /** What the dialect has to know again of this connection; only the dialect reads it. */
      wire: Json | undefined;
      /** The author of the token in it, where it had one. */
      author: Author | undefined;
    }
  /** A token in place of the one that the connection has; `author` is its principal. */
  | { kind: "renew"; requestId: string; author: Author }
  | {
      kind: "sync";
      requestId: string;
      partition: string | undefined;
      /** Undefined: a snapshot may come first. */
      sinceEventId: number | undefined;
      /** As in `connect`. */
      proof: string | undefined;
      limit: number | undefined;
      /** The most bytes of the page; absent: `bounds.pageBytesMax`. */
      maxBytes?: number | undefined;
    }
  /** What this connection has not received yet is due, though it has not asked: see `ConnectedClient.passive`. */
  | { kind: "follow"; requestId: undefined }
  /** Chunk `chunk` of the snapshot at event `eventId`. */
  | { kind: "state_chunk"; requestId: string; eventId: number; chunk: number }
  /** This connection has received everything up to `eventId`, and what was sent before `probe`. */
  | { kind: "ack"; requestId: string; eventId: number; probe: string | undefined }
  /** What the state at the head hashes to. */
  | { kind: "hash"; requestId: string }
  | { kind: "heartbeat"; requestId: string }
  /**
   * A command that is not done, because of `failure`. `submission`: what it would submit, where that is kept: an answer
   * that its key has already comes first.
   */
  | {
      kind: "declined";
      requestId: string | undefined;
      draftId: string | undefined;
      submission: Submission | undefined;
      failure: Failure;
    }
  /** A frame that is refused, because of what came before it. */
  | { kind: "refused"; requestId: string; failure: Failure }
  /** A frame that is no command; `requestId` and `draftId` where they could be read. */
  | { kind: "unreadable"; requestId: string | undefined; draftId: string | undefined; failure: Failure };
