import type { Subscription } from "../core/index.ts";
import type { Connection, ConnectionHost } from "./connection.ts";
import type { EventSink, SinkPorts } from "./event-sink.ts";
import type { ShellRandom } from "./ports.ts";

/** A response whose body is a stream. */
export interface Stream {
  readonly sink: EventSink;
  /** Ends it, for no fault of its reader, who comes back. */
  recycle(): void;
}

/** What streams are part of. */
export interface StreamHost extends ConnectionHost, SinkPorts {
  readonly random: ShellRandom;
  every(run: () => void, periodMs: number): () => void;
  /** Adds a connection. */
  join(connection: Connection): void;
  joined(subscription: Subscription): void;
  /** It has ended. */
  detached(subscription: Subscription): void;
  /** The stream is over; said once. */
  ended(stream: Stream): void;
}
