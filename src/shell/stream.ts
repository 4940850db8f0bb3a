import type { Subscription } from "../core/index.ts";
import type { Connection, ConnectionHost } from "./connection.ts";
import type { SinkPorts } from "./event-sink.ts";
import type { FrameSink } from "./frame-sink.ts";
import type { ShellRandom } from "./ports.ts";

/** A response whose body is a stream, or a connection that is polled. */
export interface Stream {
  /** Undefined in open development mode. */
  readonly principal: string | undefined;
  readonly sink: Pick<FrameSink, "waitingUnits" | "keepAlive">;
  /** Ends it at the end of its lifetime; its reader reconnects. */
  recycle(): void;
}

/** What streams need of their partition. */
export interface StreamHost extends ConnectionHost, SinkPorts {
  readonly random: ShellRandom;
  every(run: () => void, periodMs: number): () => void;
  /** Adds a connection. */
  addConnection(connection: Connection): void;
  /** Adds a subscription. */
  attach(subscription: Subscription): void;
  /** Removes a subscription that has ended. */
  detach(subscription: Subscription): void;
  /** How many bytes the next page may have: a share of what may wait for all. */
  pageBytes(): number;
  /** Called once, when the stream has ended. */
  ended(stream: Stream): void;
}
