import {
  type Command,
  draining,
  type Effect,
  newSession,
  overloaded,
  type Page,
  Refusal,
  Session,
  type Subscriber,
} from "../core/index.ts";
import type { Author, Failure, TracedFailure } from "../protocol/index.ts";
import type { EventRow } from "../storage/port.ts";
import { EventSink } from "./event-sink.ts";
import type { Stream, StreamHost } from "./stream.ts";

/** Bytes of events that may wait for a reader; beyond that it is behind, and pulls. */
const creditBytes = 512 * 1024;

/** Where it is told whether there will be a stream. `refusal`: why not. Called once. */
export type Begun = (refusal: TracedFailure | undefined) => void;

/** Somebody who reads the log as server-sent events: a session that asks for its pages itself, as fast as they are taken. */
export class LogReader implements Subscriber, Stream {
  readonly sink: EventSink;
  readonly #session: Session;
  readonly #host: StreamHost;
  readonly #begun: Begun;
  /** The last event that was given to the sink. */
  #cursor: number | undefined;
  #connected = false;
  /** There are events after the cursor that will not come by themselves. */
  #behind = false;
  #over = false;

  constructor(author: Author, traceId: string | undefined, host: StreamHost, begun: Begun) {
    this.#host = host;
    this.#begun = begun;
    this.#session = new Session(this, newSession(author), traceId);
    this.sink = new EventSink(host, { drained: () => this.#pull(), lost: () => this.#leave() });
  }

  /** Begins after the event `since`; undefined: at the head. */
  start(clientId: string, since: number | undefined): void {
    this.#cursor = since;
    this.#host.joined(this.#session);
    this.#ask({
      kind: "connect",
      requestId: "connect",
      clientId,
      partition: undefined,
      modelVersion: undefined,
      initialState: false,
      sinceEventId: since,
      echo: true,
      credit: creditBytes,
      draftIds: false,
      presence: false,
      wire: undefined,
      author: undefined,
    });
  }

  deliver(replies: readonly Effect[], broadcasts: readonly EventRow[]): void {
    for (const effect of replies) {
      if (effect.kind === "connected") this.#begin(effect.serverId, effect.currentEventIndex);
      else if (effect.kind === "page") this.#page(effect.page);
      else if (effect.kind === "head") this.#fallBehind();
      else if (effect.kind === "error") this.#refuse(effect.failure);
      else if (effect.kind === "draining") this.#refuse(this.#traced(draining));
    }
    this.#tell(broadcasts);
  }

  /** Nothing is kept: an open stream keeps the object awake. */
  save(): void {}

  recycle(): void {
    this.#leave();
    this.sink.close();
  }

  #begin(serverId: string, currentEventIndex: number): void {
    this.#connected = true;
    this.#cursor ??= currentEventIndex;
    this.#begun(undefined);
    // With an id, so that who is cut off before its first event comes back to here.
    this.sink.send(JSON.stringify({ serverId, currentEventIndex }), { event: "connected", id: this.#cursor });
  }

  #page({ events, hasMore }: Page): void {
    this.#tell(events);
    if (hasMore) this.#fallBehind();
  }

  #tell(rows: readonly EventRow[]): void {
    for (const row of rows) {
      this.sink.send(this.#host.dialects.last.numbered(row), { id: row.eventId });
      this.#cursor = row.eventId;
    }
  }

  #fallBehind(): void {
    this.#behind = true;
    this.sink.pump();
  }

  #pull(): void {
    if (!this.#behind || this.#over) return;
    this.#behind = false;
    const sinceEventId = this.#cursor;
    this.#host.step(() =>
      this.#ask({ kind: "sync", requestId: "sync", partition: undefined, sinceEventId, limit: undefined }),
    );
  }

  /** Has a command its turn. */
  #ask(command: Command): void {
    if (this.#host.intake.offer(this, { session: this.#session, command }, 0)) return;
    this.#refuse(this.#traced(overloaded));
  }

  #traced(failure: Failure): TracedFailure {
    return this.#host.partition.failureOf(new Refusal(failure), this.#host.now(), this.#session.traceId);
  }

  #refuse(failure: TracedFailure): void {
    if (this.#connected) this.sink.send(this.#host.dialects.last.problem(failure), { event: "end" });
    else this.#begun(failure);
    this.recycle();
  }

  #leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.detached(this.#session);
    this.#host.ended(this);
  }
}
