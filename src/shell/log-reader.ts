import { overloaded, proofOf, Refusal, Subscription, type SubscriptionReader } from "../core/index.ts";
import type { ReadOptions, StreamRequest } from "../platform/rpc.ts";
import type { TracedFailure } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import { EventSink } from "./event-sink.ts";
import type { Stream, StreamHost } from "./stream.ts";

/** The credit of a reader in bytes; without credit it is behind, and pulls pages. */
const creditBytes = 512 * 1024;

/** Called once, when the stream is open or refused. `refusal`: why it is refused. */
export type Opened = (refusal: TracedFailure | undefined) => void;

/** A stream of the log as server-sent events: a subscription that pulls pages as fast as its peer reads. */
export class LogReader implements SubscriptionReader, Stream {
  declare readonly sink: EventSink;
  declare readonly principal: string;
  readonly #subscription: Subscription;
  readonly #host: StreamHost;
  readonly #opened: Opened;
  /** Whether the ids of its events have proofs. */
  readonly #proofs: boolean;
  /** What else its events have. */
  readonly #asked: Pick<ReadOptions, "authors" | "correlations" | "annotations">;
  #started = false;
  #behind = false;
  #ended = false;
  #cancelPull = () => {};

  constructor(
    { author, since, proof, proofs = false, ...asked }: Extract<StreamRequest, { kind: "events" }>,
    traceId: string | undefined,
    host: StreamHost,
    begun: Opened,
  ) {
    this.principal = author.principal;
    this.#host = host;
    this.#opened = begun;
    this.#proofs = proofs;
    this.#asked = asked;
    const { authors = false } = asked;
    const start = since === undefined ? undefined : { eventId: since, proof };
    this.#subscription = new Subscription(author, start, creditBytes, this, traceId, () => host.pageBytes(), authors);
    this.sink = new EventSink(host, { drained: () => this.#drained(), disconnected: () => this.#end() });
  }

  start(): void {
    this.#host.attach(this.#subscription);
    this.#pull();
  }

  started(serverId: string, position: number, head: number, proof: string | undefined): void {
    this.#started = true;
    this.#opened(undefined);
    // With an id, so that a reader that is disconnected before its first event resumes here.
    this.sink.send(JSON.stringify({ serverId, currentEventIndex: head }), {
      event: "connected",
      id: this.#idOf(position, proof),
    });
  }

  deliver(events: readonly EventRow[]): void {
    for (const row of events) {
      const text = this.#host.dialects.last.numbered(row, this.#asked);
      this.sink.send(text, { id: this.#idOf(row.eventId, proofOf(row)) });
    }
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

  /** The id of an event of the stream: with it the reader resumes. */
  #idOf(eventId: number, proof: string | undefined): string {
    return this.#proofs && proof !== undefined ? `${eventId}.${proof}` : String(eventId);
  }

  #drained(): void {
    if (!this.#behind || this.#ended) return;
    this.#behind = false;
    const { partition, now } = this.#host;
    const seconds = partition.secondsUntilRead(this.#subscription.author.principal, now());
    if (seconds === 0) this.#host.step(() => this.#pull());
    // It has read more than its rate allows. It stays, and continues a little later.
    else this.#cancelPull = this.#host.timer(() => this.#host.step(() => this.#pull()), seconds * 1_000);
  }

  #pull(): void {
    const { intake, partition } = this.#host;
    if (intake.offer(this, { subscription: this.#subscription }, 0)) return;
    this.ended(partition.failureOf(new Refusal(overloaded), this.#host.now(), this.#subscription.traceId));
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#cancelPull();
    this.#host.detach(this.#subscription);
    this.#host.ended(this);
  }
}
