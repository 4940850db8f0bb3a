import type { Connection, ConnectionHost } from "./connection.ts";
import type { EventSink } from "./event-sink.ts";

/** A response whose body is a stream. */
export interface Stream {
  readonly sink: EventSink;
  /** Ends it, for no fault of its reader, who comes back. */
  recycle(): void;
}

/** What streams are part of. */
export interface StreamHost extends ConnectionHost {
  /** Adds a connection. */
  join(connection: Connection): void;
  /** The stream is over; said once. */
  ended(stream: Stream): void;
}
