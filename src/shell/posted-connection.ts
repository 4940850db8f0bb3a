import { newSession } from "../core/index.ts";
import type { Failure, Author } from "../protocol/index.ts";
import { Connection } from "./connection.ts";
import { EventSink } from "./event-sink.ts";
import { heartbeatFrame } from "../wire/partita/heartbeat.ts";
import type { Stream, StreamHost } from "./stream.ts";

/** A connection without a WebSocket: what it is told is a stream of server-sent events, and its frames come as requests. */
export class PostedConnection implements Stream {
  /** Unguessable. */
  readonly id: string;
  readonly sink: EventSink;
  readonly connection: Connection;
  readonly #principal: string | undefined;
  readonly #host: StreamHost;
  /** How many frames have been taken. */
  #taken = 0;

  /** `author`: as the edge verified it; undefined in open development mode. */
  constructor(author: Author | undefined, traceId: string | undefined, host: StreamHost) {
    this.id = host.random.connectionId();
    this.#principal = author?.principal;
    this.#host = host;
    this.sink = new EventSink(host, { drained: () => {}, lost: () => host.step(() => this.connection.leave()) });
    this.connection = new Connection(
      {
        send: (frame) => this.#send(frame),
        end: (code, reason) => this.#end(code, reason),
        // Nothing is kept: an open stream keeps the object awake.
        save: () => {},
        lastSignOfLife: () => this.sink.takenAt,
      },
      { ...host, left: (connection) => this.#left(connection) },
      { session: newSession(author), seenAt: host.now(), ...(traceId === undefined ? {} : { traceId }) },
    );
    this.sink.send(JSON.stringify({ connectionId: this.id }), { event: "connection" });
  }

  /** Whether it was opened by this one; undefined: whoever, in open development mode. */
  belongsTo(principal: string | undefined): boolean {
    return this.#principal === principal;
  }

  /** Takes frames, of which the peer had sent `before` others earlier; those that have come already are passed over. */
  receive(before: number, frames: readonly string[], now: number): Failure | undefined {
    if (before > this.#taken) {
      this.connection.end("frames_missing", "frames are missing");
      return { code: "bad_request", detail: `Frames are missing: ${this.#taken} have come, and not ${before}.` };
    }
    for (const frame of frames.slice(this.#taken - before)) {
      this.#taken++;
      if (frame === heartbeatFrame) this.#send(heartbeatFrame);
      else this.connection.receive(frame, now);
    }
    return undefined;
  }

  recycle(): void {
    this.connection.end("recycled");
  }

  #send(frame: string): void {
    if (!this.sink.send(frame)) this.connection.end("slow_consumer");
  }

  #end(code: number, reason: string): void {
    this.sink.send(JSON.stringify({ code, reason }), { event: "end" });
    this.sink.close();
  }

  #left(connection: Connection): void {
    this.#host.left(connection);
    this.#host.ended(this);
  }
}
