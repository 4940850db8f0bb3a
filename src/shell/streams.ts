import { Refusal, type Usages } from "../core/index.ts";
import type { StreamRequest } from "../platform/rpc.ts";
import { type Failure, bounds, type Author } from "../protocol/index.ts";
import { answerFailure, type HttpAnswer } from "../wire/partita/answers.ts";
import type { EventSink } from "./event-sink.ts";
import { StreamedFrames } from "./frame-sink.ts";
import { LogReader } from "./log-reader.ts";
import { type Held, type Polled, PolledFrames } from "./polled-frames.ts";
import { PostedConnection } from "./posted-connection.ts";
import type { Stream, StreamHost } from "./stream.ts";

/** How often each stream sends a comment, so that a peer that has disconnected is noticed. */
const keepAliveMs = 15 * 1_000;
/** How soon a stream ends after its token has expired, if nothing else happens. */
const expireMs = 1_000;
/** The shortest lifetime of a stream; the longest is one and a half times that, so that clients do not reconnect together. */
const lifetimeMsMin = 10 * 60 * 1_000;
/** When a client retries that was refused because all streams are in use, in seconds. */
const fullRetrySeconds = 30;

/** The streams over HTTP of one partition: a bounded number, each for a bounded time, because they prevent hibernation. */
export class Streams {
  readonly #host: StreamHost;
  /** When each stream ends, in milliseconds since 1970. */
  readonly #streams = new Map<Stream, number>();
  readonly #connections = new Map<string, PostedConnection>();
  /** Cancels the timers that are running. */
  #timers: (() => void)[] = [];

  constructor(host: Omit<StreamHost, "ended" | "pageBytes">) {
    this.#host = { ...host, ended: (stream) => this.#ended(stream), pageBytes: () => this.#pageBytes };
  }

  /** How many streams are open, and how many can be. */
  get usage(): Usages[string] {
    return { used: this.#streams.size, max: bounds.streamsMax };
  }

  /** Half of what may wait besides: so one reader has large pages, and many who do not read have little memory. */
  get #pageBytes(): number {
    let waiting = 0;
    for (const { sink } of this.#streams.keys()) waiting += sink.waitingUnits;
    const share = Math.floor((bounds.streamsUnreadMax - waiting) / 2);
    return Math.max(Math.min(share, bounds.pageBytesMax), bounds.streamPageBytesMin);
  }

  /** Opens a stream of the log; or returns the problem. */
  read(
    asked: Extract<StreamRequest, { kind: "events" }>,
    traceId: string | undefined,
  ): Promise<EventSink | HttpAnswer> {
    return new Promise((resolve) => {
      const full = this.#full(asked.author.principal);
      if (full) {
        resolve(this.#problem(full, traceId));
        return;
      }
      const reader = new LogReader(asked, traceId, this.#host, (refusal) =>
        resolve(refusal ? answerFailure(this.#host.partition.name.partition, refusal) : reader.sink),
      );
      this.#add(reader);
      reader.start();
    });
  }

  /** Opens the stream of a new connection. `author`: as the edge verified it; undefined in open development mode. */
  connect(author: Author | undefined, traceId: string | undefined): EventSink | HttpAnswer {
    const full = this.#full(author?.principal);
    if (full) return this.#problem(full, traceId);
    const posted = new PostedConnection(
      author,
      traceId,
      this.#host,
      (id, events) => new StreamedFrames(id, this.#host, events),
    );
    this.#open(posted);
    return posted.sink.events;
  }

  /** Opens a connection that is polled; or returns the problem. */
  openPolled(author: Author | undefined, traceId: string | undefined): string | HttpAnswer {
    const full = this.#full(author?.principal);
    if (full) return this.#problem(full, traceId);
    const posted = new PostedConnection(
      author,
      traceId,
      this.#host,
      (_, events) => new PolledFrames(this.#host, events),
    );
    this.#open(posted);
    return posted.id;
  }

  /** Accepts the frames of a polled connection, and gives it what it has not received. */
  poll(
    id: string,
    author: Author | undefined,
    { before, frames, received, holdMs, end }: Poll,
    traceId: string | undefined,
  ): Polled | Held | HttpAnswer {
    const posted = this.#connections.get(id);
    if (!posted?.belongsTo(author?.principal) || !(posted.sink instanceof PolledFrames)) {
      return this.#problem(connectionNotFound, traceId);
    }
    const { sink } = posted;
    if (end) {
      sink.close();
      posted.connection.disconnected();
      return { from: received, frames: [] };
    }
    const failure = sink.take(received) ? posted.receive(before, frames, this.#host.now()) : posted.lost(received);
    if (failure) return this.#problem(failure, traceId);
    return sink.poll(received, holdMs);
  }

  #open(posted: PostedConnection): void {
    this.#add(posted);
    this.#connections.set(posted.id, posted);
    this.#host.addConnection(posted.connection);
  }

  /** Accepts frames of a connection. `before`: how many frames it sent earlier. */
  receive(
    id: string,
    author: Author | undefined,
    before: number,
    frames: readonly string[],
    traceId: string | undefined,
  ): HttpAnswer {
    const posted = this.#connections.get(id);
    // The same whether it belongs to another principal or does not exist.
    const failure = posted?.belongsTo(author?.principal)
      ? posted.receive(before, frames, this.#host.now())
      : connectionNotFound;
    return failure ? this.#problem(failure, traceId) : { status: 202, headers: {}, body: "" };
  }

  /** Why this principal may not open another stream, or undefined. */
  #full(principal: string | undefined): Failure | undefined {
    if (this.#streams.size >= bounds.streamsMax) {
      return tooMany("As many streams as a partition holds are open. Connect by WebSocket, or later.");
    }
    // A tenant that lifts the limit of connections has principals that stand for many people.
    if (this.#host.partition.limits.connectionsPerPrincipal === null) return undefined;
    const own = [...this.#streams.keys()].filter((stream) => stream.principal === principal).length;
    if (own < bounds.streamsPerPrincipalMax) return undefined;
    return tooMany(
      `There can be at most ${bounds.streamsPerPrincipalMax} streams of yours here. Connect by WebSocket, or end one.`,
    );
  }

  #add(stream: Stream): void {
    const before = this.#streams.size;
    this.#streams.set(stream, this.#host.now() + lifetimeMsMin * (1 + this.#host.random.fraction() / 2));
    this.#host.partition.warnings.note("streams", before, this.usage);
    if (this.#timers.length > 0) return;
    const every = (ms: number, run: (now: number) => void) =>
      this.#host.every(() => this.#host.step(() => run(this.#host.now())), ms);
    this.#timers = [
      every(keepAliveMs, (now) => this.#keepAlive(now)),
      every(expireMs, (now) => this.#host.partition.expire(now)),
    ];
  }

  #ended(stream: Stream): void {
    this.#streams.delete(stream);
    if (stream instanceof PostedConnection) this.#connections.delete(stream.id);
    if (this.#streams.size > 0) return;
    // A timer would prevent hibernation.
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  #keepAlive(now: number): void {
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

/** What a poll brings and asks for. */
export interface Poll {
  /** How many frames the connection sent earlier. */
  before: number;
  frames: readonly string[];
  /** How many frames of the connection have arrived. */
  received: number;
  /** How long it waits at most, in milliseconds. */
  holdMs: number;
  /** The client closes the connection. */
  end: boolean;
}

const connectionNotFound: Failure = { code: "not_found", detail: "This connection is gone: open another one." };

function tooMany(detail: string): Failure {
  return { code: "too_many_connections", detail, retryAfter: fullRetrySeconds };
}
