import { Refusal } from "../core/index.ts";
import { type Failure, bounds, type Author } from "../protocol/index.ts";
import { answerFailure, type HttpAnswer } from "../wire/partita/answers.ts";
import type { EventSink } from "./event-sink.ts";
import { LogReader } from "./log-reader.ts";
import { PostedConnection } from "./posted-connection.ts";
import type { Stream, StreamHost } from "./stream.ts";

/** How often streams are looked after: how soon it shows that a peer is gone. */
const careMs = 15 * 1_000;
/** How soon a stream ends whose token has expired, where nothing else happens. */
const expiryMs = 1_000;
/** How long a stream lasts at least; at most half as long again, so that those who came together do not come back together. */
const lifeMs = 10 * 60 * 1_000;
/** How long whoever finds no place waits, in seconds. */
const fullRetrySeconds = 30;

/** The streams over HTTP of one partition: a bounded number, each for a bounded time, because they keep the object awake. */
export class Streams {
  readonly #host: StreamHost;
  /** When each is to end. */
  readonly #streams = new Map<Stream, number>();
  readonly #connections = new Map<string, PostedConnection>();
  /** Cancels the timers that are running. */
  #timers: (() => void)[] = [];

  constructor(host: Omit<StreamHost, "ended">) {
    this.#host = { ...host, ended: (stream) => this.#ended(stream) };
  }

  /** How many streams are open. */
  get open(): number {
    return this.#streams.size;
  }

  /** The events of the log after `since`, or after the head, as they come; or the problem that there is. */
  read(author: Author, since: number | undefined, traceId: string | undefined): Promise<EventSink | HttpAnswer> {
    return new Promise((resolve) => {
      const full = this.#full();
      if (full) {
        resolve(this.#problem(full, traceId));
        return;
      }
      const reader = new LogReader(author, since, traceId, this.#host, (refusal) =>
        resolve(refusal ? answerFailure(this.#host.partition.name.partition, refusal) : reader.sink),
      );
      this.#add(reader);
      reader.start();
    });
  }

  /** What a new connection is sent. `author`: as the edge verified it; undefined in open development mode. */
  connect(author: Author | undefined, traceId: string | undefined): EventSink | HttpAnswer {
    const full = this.#full();
    if (full) return this.#problem(full, traceId);
    const posted = new PostedConnection(author, traceId, this.#host);
    this.#add(posted);
    this.#connections.set(posted.id, posted);
    this.#host.join(posted.connection);
    return posted.sink;
  }

  /** Accepts frames of a connection, of which `before` others were sent earlier. */
  receive(
    id: string,
    author: Author | undefined,
    before: number,
    frames: readonly string[],
    traceId: string | undefined,
  ): HttpAnswer {
    const posted = this.#connections.get(id);
    // The same whether it is another's or not there.
    const failure = posted?.belongsTo(author?.principal) ? posted.receive(before, frames, this.#host.now()) : gone;
    return failure ? this.#problem(failure, traceId) : { status: 202, headers: {}, body: "" };
  }

  #full(): Failure | undefined {
    if (this.#streams.size < bounds.streamsMax) return undefined;
    return {
      code: "too_many_connections",
      detail: "As many streams as a partition holds are open. Connect by WebSocket, or later.",
      retryAfter: fullRetrySeconds,
    };
  }

  #add(stream: Stream): void {
    this.#streams.set(stream, this.#host.now() + lifeMs * (1 + this.#host.random.fraction() / 2));
    if (this.#timers.length > 0) return;
    const every = (ms: number, run: (now: number) => void) =>
      this.#host.every(() => this.#host.step(() => run(this.#host.now())), ms);
    this.#timers = [
      every(careMs, (now) => this.#look(now)),
      every(expiryMs, (now) => this.#host.partition.expire(now)),
    ];
  }

  #ended(stream: Stream): void {
    this.#streams.delete(stream);
    if (stream instanceof PostedConnection) this.#connections.delete(stream.id);
    if (this.#streams.size > 0) return;
    // A timer would keep the object from hibernating.
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  #look(now: number): void {
    for (const [stream, endsAt] of this.#streams) {
      if (now >= endsAt) stream.recycle();
      else stream.sink.keepAlive(now);
    }
  }

  #problem(failure: Failure, traceId: string | undefined): HttpAnswer {
    const { partition, now } = this.#host;
    return answerFailure(partition.name.partition, partition.failureOf(new Refusal(failure), now(), traceId));
  }
}

const gone: Failure = { code: "not_found", detail: "This connection is gone: open another one." };
