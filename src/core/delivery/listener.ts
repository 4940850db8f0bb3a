import type { Author, TracedFailure } from "../../protocol/index.ts";
import type { EventRow } from "../../storage/port.ts";
import type { Cursor } from "./cursor.ts";

/** Anything that the events of the log are delivered to, as a connection or a stream of the log. */
export interface Listener {
  readonly cursor: Cursor;
  /** The trace id of the request that it came with; problems of it have the same. */
  readonly traceId: string | undefined;
  /** Undefined while it is not known. */
  readonly author: Author | undefined;
  /** Whether it has to send a token before anything else. */
  readonly awaitsToken: boolean;
  /** Whether it receives events: it has connected, or begun. */
  readonly reads: boolean;
  /** When its token expires, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** Whether its peer can vanish without a word, so that it has to be looked after. */
  readonly mayVanish: boolean;
  /** A commit is in doubt: there may be events that cannot be read now. */
  doubt(): void;
  /** A window begins that may change it. */
  begin(): void;
  /** The window was not committed. */
  rollback(): void;
  /** The window was committed: what it has for this listener is delivered, and then what is new to it of `fresh`. */
  flush(fresh: readonly EventRow[], now: number): void;
  /** Sends whether the partition is read-only, if it has asked for that and has not received it. */
  announce(readOnly: boolean, now: number): void;
  /** It ends with the window, and nothing more is accepted from it. `reconnectAfterMs`: it may come back then. */
  end(failure: TracedFailure, reconnectAfterMs?: number): void;
}
