import { overloaded, Refusal, Subscription, type SubscriptionReader } from "../core/index.ts";
import type { Author, TracedFailure } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import { EventSink } from "./event-sink.ts";
import type { Stream, StreamHost } from "./stream.ts";

/** Bytes of events that may wait for a reader; beyond that it is behind, and pulls. */
const creditBytes = 512 * 1024;

/** Receives whether there will be a stream; `refusal`: why not. Called once. */
export type Begun = (refusal: TracedFailure | undefined) => void;

/** A stream of the log as server-sent events: a subscription that pulls its pages as fast as its peer reads. */
export class LogReader implements SubscriptionReader, Stream {
  readonly sink: EventSink;
  readonly #subscription: Subscription;
  readonly #host: StreamHost;
  readonly #begun: Begun;
  #started = false;
  #behind = false;
  #over = false;

  /** `since`: the event after which it begins; undefined: the head. */
  constructor(author: Author, since: number | undefined, traceId: string | undefined, host: StreamHost, begun: Begun) {
    this.#host = host;
    this.#begun = begun;
    this.#subscription = new Subscription(author, since, creditBytes, this, traceId);
    this.sink = new EventSink(host, { drained: () => this.#drained(), lost: () => this.#leave() });
  }

  start(): void {
    this.#host.joined(this.#subscription);
    this.#pull();
  }

  started(serverId: string, position: number, head: number): void {
    this.#started = true;
    this.#begun(undefined);
    // With an id, so that a reader that is disconnected before its first event comes back to here.
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
    else this.#begun(failure);
    this.recycle();
  }

  recycle(): void {
    this.#leave();
    this.sink.close();
  }

  #drained(): void {
    if (!this.#behind || this.#over) return;
    this.#behind = false;
    this.#host.step(() => this.#pull());
  }

  #pull(): void {
    const { intake, partition } = this.#host;
    if (intake.offer(this, { subscription: this.#subscription }, 0)) return;
    this.ended(partition.failureOf(new Refusal(overloaded), this.#host.now(), this.#subscription.traceId));
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.detached(this.#subscription);
    this.#host.ended(this);
  }
}
