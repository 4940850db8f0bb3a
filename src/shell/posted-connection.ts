import { newSession } from "../core/index.ts";
import type { Failure, Author } from "../protocol/index.ts";
import { Connection } from "./connection.ts";
import type { FrameSink, FrameSinkEvents } from "./frame-sink.ts";
import { heartbeatFrame } from "../wire/partita/heartbeat.ts";
import type { Stream, StreamHost } from "./stream.ts";

/** A connection without a WebSocket: its client sends its frames as requests, and receives by `sink`. */
export class PostedConnection<Sink extends FrameSink = FrameSink> implements Stream {
  /** Unguessable. */
  declare readonly id: string;
  declare readonly sink: Sink;
  declare readonly connection: Connection;
  declare readonly principal: string | undefined;
  readonly #host: StreamHost;
  /** How many frames have been received. */
  #received = 0;

  /** `author`: as the edge verified it; undefined in open development mode. */
  constructor(
    author: Author | undefined,
    traceId: string | undefined,
    host: StreamHost,
    openSink: (id: string, events: FrameSinkEvents) => Sink,
  ) {
    this.id = host.random.connectionId();
    this.principal = author?.principal;
    this.#host = host;
    this.sink = openSink(this.id, {
      drained: () => host.step(() => this.connection.serve()),
      disconnected: () => host.step(() => this.connection.disconnected()),
    });
    this.connection = new Connection(
      {
        send: (frame) => this.#send(frame),
        end: (code, reason) => this.sink.end(code, reason),
        // Nothing is stored: an open stream prevents hibernation.
        save: () => {},
        lastSignOfLife: () => this.sink.takenAt,
        unreadUnits: () => this.sink.waitingUnits,
        unreadMax: () => host.pageBytes(),
      },
      { ...host, connectionEnded: (connection) => this.#connectionEnded(connection) },
      { session: newSession(author), seenAt: host.now(), ...(traceId === undefined ? {} : { traceId }) },
    );
  }

  /** Whether this principal has opened it; undefined in open development mode. */
  belongsTo(principal: string | undefined): boolean {
    return this.principal === principal;
  }

  /** Accepts frames; those that were received already are skipped. `before`: how many frames the peer sent earlier. */
  receive(before: number, frames: readonly string[], now: number): Failure | undefined {
    if (before > this.#received) {
      this.connection.end("frames_missing", "frames are missing");
      return { code: "bad_request", detail: `Frames are missing: ${this.#received} have come, and not ${before}.` };
    }
    for (const frame of frames.slice(this.#received - before)) {
      this.#received++;
      if (frame === heartbeatFrame) this.#send(heartbeatFrame);
      else this.connection.receive(frame, now);
    }
    return undefined;
  }

  /** Its client says that it has received frames that were not sent, or asks for some that had arrived. */
  lost(received: number): Failure {
    this.connection.end("frames_missing", "frames are missing");
    return { code: "bad_request", detail: `The connection cannot go on after ${received} frames: open another one.` };
  }

  recycle(): void {
    this.connection.end("recycled");
  }

  #send(frame: string): void {
    if (!this.sink.send(frame)) this.connection.end("slow_consumer");
  }

  #connectionEnded(connection: Connection): void {
    this.#host.connectionEnded(connection);
    this.sink.finished(() => this.#host.ended(this));
  }
}
