import type { Command, Reply, PresenceCommand } from "../core/index.ts";
import type { Author, EndingCode, Json, TracedFailure } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";

/** A frame with a token: what it asks for is known when the token is verified. */
export interface TokenFrame {
  kind: "token";
  requestId: string;
  token: string;
  /** What it asks for. `author`: whom the token authenticates; undefined: where tokens are not verified. */
  command(author: Author | undefined): Command;
}

export type Decoded = Command | PresenceCommand | TokenFrame;

/** Why a connection ends: an error that ends it, or what is noticed without an error. */
export type EndReason = EndingCode | "overloaded" | "idle" | "recycled" | "frames_missing";

/** One wire format: how clients write what they ask for, and read what they receive. For the connections of one partition. */
export interface Dialect {
  /** Kept in the attachment of each connection that speaks it. */
  readonly name: string;
  /** Whether the first frame of a connection is of this dialect. */
  recognises(frame: string | ArrayBuffer): boolean;
  decode(frame: string | ArrayBuffer): Decoded;
  /** The frames for `replies` and then `broadcasts`. `wire`: what `decode` has put into the connection's `connect`. */
  frames(replies: readonly Reply[], broadcasts: readonly EventRow[], wire: Json | undefined): readonly string[];
  /** An event with its place in the log, as it is in a stream of the log. */
  numbered(row: EventRow): string;
  /** A failure, as it ends a stream of the log. */
  problem(failure: TracedFailure): string;
  /** The WebSocket close code. */
  closeCode(reason: EndReason): number;
  /** Drops cached texts, which are shared by all connections that receive the same in one step. */
  forget(): void;
}
