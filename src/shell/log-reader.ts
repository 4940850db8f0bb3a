import { overloaded, Refusal, Subscription, type SubscriptionReader } from "../core/index.ts";
import type { Author, TracedFailure } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import { EventSink } from "./event-sink.ts";
import type { Stream, StreamHost } from "./stream.ts";

/** The credit of a reader in bytes; without credit it is behind, and pulls pages. */
const creditBytes = 512 * 1024;

/** Called once, when the stream is open or refused. `refusal`: why it is refused. */
export type Opened = (refusal: TracedFailure | undefined) => void;

/** A stream of the log as server-sent events: a subscription that pulls pages as fast as its peer reads. */
export class LogReader implements SubscriptionReader, Stream {
  readonly sink: EventSink;
  readonly #subscription: Subscription;
  readonly #host: StreamHost;
  readonly #opened: Opened;
  #started = false;
  #behind = false;
  #ended = false;

  /** `since`: the stream begins after this event; undefined: after the head. */
  constructor(author: Author, since: number | undefined, traceId: string | undefined, host: StreamHost, begun: Opened) {
    this.#host = host;
    this.#opened = begun;
    this.#subscription = new Subscription(author, since, creditBytes, this, traceId);
    this.sink = new EventSink(host, { drained: () => this.#drained(), disconnected: () => this.#end() });
  }

  start(): void {
    this.#host.attach(this.#subscription);
    this.#pull();
  }

  started(serverId: string, position: number, head: number): void {
    this.#started = true;
    this.#opened(undefined);
    // With an id, so that a reader that is disconnected before its first event resumes here.
    this.sink.send(JSON.stringify({ serverId, currentEventIndex: head }), { event: "connected", id: position });
  }

  deliver(events: readonly EventRow[]): void {
    for (const row of events) this.sink.send(this.#host.dialects.last.numbered(row), { id: row.eventId });
  }

  behind(): void {
    this.#behind = true;
    this.sink.pump();
  }

  ended(failure: TracedFailure): void {
    if (this.#started) this.sink.send(this.#host.dialects.last.problem(failure), { event: "end" });
    else this.#opened(failure);
    this.recycle();
  }

  recycle(): void {
    this.#end();
    this.sink.close();
  }

  #drained(): void {
    if (!this.#behind || this.#ended) return;
    this.#behind = false;
    this.#host.step(() => this.#pull());
  }

  #pull(): void {
    const { intake, partition } = this.#host;
    if (intake.offer(this, { subscription: this.#subscription }, 0)) return;
    this.ended(partition.failureOf(new Refusal(overloaded), this.#host.now(), this.#subscription.traceId));
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#host.detach(this.#subscription);
    this.#host.ended(this);
  }
}
