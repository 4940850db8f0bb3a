import { bounds, type Failure } from "../protocol/index.ts";

/** How much is folded in one turn: as many events, bytes of their payloads, or units of `State.work`. The first that is reached ends it. */
export interface Slice {
  readonly events: number;
  readonly bytes: number;
  readonly work: number;
}

/** How a state is folded from its log. */
export interface Folding {
  /** When it is loaded. What is more is left to the job "rebuild". */
  readonly load: Slice;
  /** In one turn of that job. */
  readonly turn: Slice;
  /** After this many turns of that job the state is stored, and the job ends and is due again. */
  readonly slicesMax: number;
}

export const standardFolding: Folding = {
  load: { events: bounds.foldAtLoadEventsMax, bytes: bounds.foldAtLoadBytesMax, work: bounds.foldAtLoadWorkMax },
  turn: { events: bounds.foldSliceEventsMax, bytes: bounds.foldSliceBytesMax, work: bounds.foldSliceWorkMax },
  slicesMax: bounds.foldSlicesPerRunMax,
};

/** How long a client waits at least and at most before it asks again, in seconds. */
const retrySecondsMin = 1;
const retrySecondsMax = 30;
/** How fast events are folded, as long as that is not known, in a second. */
const eventsPerSecondAssumed = 50_000;

/** How far a state is folded that is behind its log. */
export interface FoldPosition {
  /** The last event that is in the state. */
  readonly eventId: number;
  /** The last event of the log. */
  readonly of: number;
}

/** The same while it goes on, and how long the rest takes. */
export class Progress implements FoldPosition {
  readonly of: number;
  #eventId: number;
  /** Where and when this lifetime of the object began to fold. */
  readonly #from: number;
  readonly #since: number;
  #eventsPerSecond = eventsPerSecondAssumed;

  constructor(eventId: number, of: number, now: number) {
    this.#eventId = this.#from = eventId;
    this.of = of;
    this.#since = now;
  }

  get eventId(): number {
    return this.#eventId;
  }

  /** Another slice is folded, up to `eventId`. `now`: when its turn began. */
  advance(eventId: number, now: number): void {
    const seconds = (now - this.#since) / 1_000;
    // What was folded before this turn, in the time before it: inside a turn the clock stands still.
    if (seconds > 0 && this.#eventId > this.#from) this.#eventsPerSecond = (this.#eventId - this.#from) / seconds;
    this.#eventId = eventId;
  }

  /** What a client hears that needs the state. */
  get failure(): Failure {
    const { eventId, of } = this;
    const seconds = Math.ceil((of - eventId) / this.#eventsPerSecond);
    return {
      code: "rebuilding",
      detail: `This partition's state is being folded from its log, up to event ${eventId} of ${of} so far. Send the same again in a moment. Meanwhile the log can be read.`,
      retryAfter: Math.min(Math.max(seconds, retrySecondsMin), retrySecondsMax),
      rebuilding: { eventId, of },
    };
  }
}
