import type { Command, Reply, PresenceCommand } from "../core/index.ts";
import type { Author, EndingCode, Json, TracedFailure } from "../protocol/index.ts";
import type { ReadOptions } from "../platform/rpc.ts";
import type { EventRow } from "../storage/port.ts";

/** A frame with a token: its command is known when the token is verified. */
export interface TokenFrame {
  kind: "token";
  requestId: string;
  token: string;
  /** Returns the command. `author`: the author of the token; undefined if tokens are not verified. */
  command(author: Author | undefined): Command;
}

export type Decoded = Command | PresenceCommand | TokenFrame;

/** Why a connection ends: an error that ends it, or another reason. */
export type EndReason =
  | EndingCode
  | "overloaded"
  | "forbidden"
  | "idle"
  | "recycled"
  | "frames_missing"
  | "unsupported";

/** One wire format: it decodes the frames of clients and encodes what they receive. For the connections of one partition. */
export interface Dialect {
  /** Stored in the attachment of each connection that uses it. */
  readonly name: string;
  /** The first version of attachments (`attachmentVersion`) whose readers know this dialect. */
  readonly attachmentVersion: number;
  /** Whether the first frame of a connection is of this dialect. */
  recognises(frame: string | ArrayBuffer): boolean;
  decode(frame: string | ArrayBuffer): Decoded;
  /** The messages of a frame that holds several: each is decoded as a frame of its own. Undefined: it holds one. */
  messages(frame: string | ArrayBuffer): readonly string[] | undefined;
  /**
   * The frames for `replies` and then `broadcasts`. `wire`: the options that `decode` has put into the connection's
   * `connect`. `draftIdsOf`: broadcasts of this principal's events have their draft ids.
   */
  frames(
    replies: readonly Reply[],
    broadcasts: readonly EventRow[],
    wire: Json | undefined,
    draftIdsOf?: string,
  ): readonly string[];
  /** Why the connection ends with this reply; undefined: it goes on. `connected`: its `connect` was answered. */
  ending(reply: Reply, connected: boolean): EndReason | undefined;
  /**
   * In how many seconds the submission that this reply refuses is done again here, because its client cannot be asked to send
   * it again; undefined: the reply is sent.
   */
  redoneAfter(reply: Reply): number | undefined;
  /** The WebSocket close code. */
  closeCode(reason: EndReason): number;
  /** Clears the cache of texts, which all connections share that receive the same in one step. */
  forget(): void;
}

/** The dialect that streams of the log are in, too. */
export interface LogDialect extends Dialect {
  /** An event with its event id, for a stream of the log: with what it asked for. */
  numbered(row: EventRow, asked: Pick<ReadOptions, "authors" | "correlations" | "annotations">): string;
  /** A failure that ends a stream of the log. */
  problem(failure: TracedFailure): string;
}
