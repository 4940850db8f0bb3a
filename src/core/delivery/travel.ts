import { WeighedState } from "../../model/weighed-state.ts";
import { bounds, type Failure } from "../../protocol/index.ts";
import { parsePieces } from "../../model/parse-pieces.ts";
import { costOfFold, costOfStateText } from "../cost.ts";
import type { Environment } from "../environment.ts";
import { foldRow, loadSnapshot, foldedRange } from "../fold.ts";
import type { Live } from "../live.ts";
import type { Memory } from "../memory.ts";
import { modelTag } from "../model-tag.ts";
import { Refusal } from "../refusal.ts";
import type { Steps } from "../steps.ts";
import { assertNotAhead } from "./connect.ts";
import { otherPast, type StateRead } from "./reads.ts";

/** How far the state that was asked for is folded: ask again, and it goes on. */
export interface Folded {
  /** The last event that is in it. */
  readonly eventIndex: number;
  /** The event that was asked for. */
  readonly of: number;
}

/** The text of the state after an event, from which a later state is folded; one for about 35 ms of folding. */
interface Mark {
  readonly eventId: number;
  readonly text: string;
}

/** The state that is being folded, or was folded last. */
interface Trip {
  /** Who has asked for it. */
  readonly by: string;
  readonly state: WeighedState<object>;
  /** The last event that is in the state. */
  eventId: number;
  /** The event whose state was asked for. */
  of: number;
  /** When it was asked for last, in milliseconds since 1970. */
  askedAt: number;
  /** The last mark on its way, and the bytes of payloads since. */
  readonly marked: { eventId: number; bytes: number };
}

/** What is done in one step, in the units of `State.work`: about a millisecond. */
const stepWork = 2_048;
/** UTF-16 units have two bytes. */
const bytesPerUnit = 2;
/** Who asks for another state waits for so long for one that nobody asks for any more. */
const abandonedMs = 2_000;

const noRoom: Failure = {
  code: "too_expensive",
  detail: "Beside the present state there is not enough memory for the state after this event.",
};

/**
 * The state after any event, however far it is from a snapshot, for an operator: each request folds a bounded part of
 * the log, and who asks again goes on. What was folded on the way is kept for a minute, as the texts of a few states, so
 * that an event nearby is a matter of milliseconds.
 */
export class Travel {
  readonly #environment: Environment;
  readonly #memory: Memory;
  #trip: Trip | undefined;
  /** In the order of their events. */
  #marks: Mark[] = [];
  #usedAt = 0;

  constructor(environment: Environment, memory: Memory) {
    this.#environment = environment;
    this.#memory = memory;
  }

  /**
   * The state after the event `at`, or how far it is folded. `by`: who asks.
   *
   * @throws Refusal where `at` is past the head or not before an event that cannot be folded, where there is not enough
   * memory, or where somebody else is asking for another state.
   */
  *to(at: number, by: string, now: number): Steps<StateRead | Folded> {
    this.rest(now);
    const live = this.#memory.load(now);
    assertNotAhead(live.head, at, "state");
    live.fold.assertSound(at);
    if (at === live.head.eventId) {
      const { state } = live.fold;
      return { state: state.view(), weight: state.weight, eventIndex: at, replayedBytes: 0 };
    }
    if (live.fold.readsPast) throw new Refusal(otherPast);
    const other = this.#trip;
    if (other && other.by !== by && other.eventId < other.of && now - other.askedAt < abandonedMs) {
      throw new Refusal(otherPast);
    }
    const trip = yield* this.#begin(live, at, by, now);
    const { fold } = yield* this.#fold(trip, now);
    if (trip.eventId < at) return { eventIndex: trip.eventId, of: at };
    // A large state is in memory until it is sent, and not longer.
    if (trip.state.weight > bounds.travelKeptBytesMax) this.#trip = undefined;
    this.#account();
    return { state: fold.openPast(trip.state), weight: trip.state.weight, eventIndex: at, replayedBytes: 0 };
  }

  /** Whether states of the past are kept. */
  get keeps(): boolean {
    return this.#trip !== undefined || this.#marks.length > 0;
  }

  /** Lets go of what was kept, where nobody has asked for a while. */
  rest(now: number): void {
    if (!this.keeps) return;
    if (now >= this.#usedAt && now - this.#usedAt < bounds.travelKeptMsMax) return;
    this.#release();
  }

  /** Everything is loaded again: lets go of what was kept. */
  forget(): void {
    this.#trip = undefined;
    this.#marks = [];
  }

  /** Goes on from what is nearest before the event: the state of the last request, a mark, a snapshot, or the beginning. */
  *#begin({ fold }: Live, at: number, by: string, now: number): Steps<Trip> {
    this.#usedAt = now;
    const { model, ports } = this.#environment;
    const current = this.#trip;
    const mark = this.#marks.findLast(({ eventId }) => eventId <= at);
    const stored = ports.storage.snapshots.latest(model.version, modelTag(model), at);
    // What a snapshot takes is known when it is parsed: a larger one could take too much, so the log is folded instead.
    const room = fold.bytesForCopies + (current?.state.weight ?? 0);
    const snapshot = stored && stored.stateBytes * bounds.decodedBytesPerUnitMax <= room ? stored : undefined;
    const nearest = Math.max(mark?.eventId ?? 0, snapshot?.eventId ?? 0);
    // Who asks again for the same event goes on: what was nearer at the beginning was damaged.
    if (current && current.eventId <= at && (current.of === at || current.eventId >= nearest)) {
      Object.assign(current, { by, of: at, askedAt: now });
      return current;
    }
    this.#trip = undefined;
    this.#account();
    let base: { eventId: number; state: object } = { eventId: 0, state: model.initialState() };
    if (snapshot && snapshot.eventId > (mark?.eventId ?? 0)) {
      base = loadSnapshot(ports.storage, model, at);
      yield costOfFold(snapshot.stateBytes);
    }
    if (mark && mark.eventId > base.eventId) {
      base = { eventId: mark.eventId, state: parsePieces([mark.text]) };
      yield costOfStateText(mark.text.length);
    }
    const { eventId, state } = base;
    const marked = { eventId, bytes: 0 };
    this.#trip = { by, state: new WeighedState<object>(state), eventId, of: at, askedAt: now, marked };
    return this.#trip;
  }

  /** Folds the next events, as much as one request may. */
  *#fold(trip: Trip, now: number): Steps<Live> {
    const { state, of, marked } = trip;
    let bytes = 0;
    let work = 0;
    for (const row of foldedRange(
      this.#environment.ports.storage,
      trip.eventId,
      Math.min(of, trip.eventId + bounds.travelEventsMax),
    )) {
      foldRow(this.#environment, state, row);
      state.forget();
      trip.eventId = row.eventId;
      bytes += row.payloadBytes;
      marked.bytes += row.payloadBytes;
      work += costOfFold(row.payloadBytes);
      if (row.eventId - marked.eventId >= bounds.replayEventsMax || marked.bytes >= bounds.replayBytesMax) {
        Object.assign(marked, { eventId: row.eventId, bytes: 0 });
        yield* this.#mark(trip);
      }
      if (work >= stepWork) {
        yield work;
        work = 0;
        this.#assertRoom(trip, now);
      }
      if (bytes >= bounds.travelBytesMax) break;
    }
    yield work;
    return this.#assertRoom(trip, now);
  }

  /** Keeps the text of the state, where it is small; of too many texts every second one. */
  *#mark({ state, eventId }: Trip): Steps<void> {
    if (state.weight > bounds.travelMarksBytesMax / 2) return;
    let text = "";
    for (const piece of state.view()) {
      text += piece;
      yield costOfStateText(piece.length);
    }
    this.#marks = [...this.#marks, { eventId, text }].toSorted((a, b) => a.eventId - b.eventId);
    while (this.#markBytes > bounds.travelMarksBytesMax) this.#marks = this.#marks.filter((_, at) => at % 2 === 1);
  }

  get #markBytes(): number {
    return this.#marks.reduce((sum, { text }) => sum + text.length * bytesPerUnit, 0);
  }

  /** @throws Refusal where the state has become too large, or is gone: everything was loaded again, or others needed its memory. */
  #assertRoom(trip: Trip, now: number): Live {
    const live = this.#memory.load(now);
    this.#account();
    if (this.#trip !== trip) throw new Refusal(otherPast);
    if (live.fold.bytesForCopies >= 0) return live;
    this.#marks = [];
    this.#account();
    if (live.fold.bytesForCopies >= 0) return live;
    this.#release();
    throw new Refusal(noRoom);
  }

  readonly #release = (): void => {
    this.forget();
    this.#account();
  };

  /** Says what is kept, so that it counts, and is let go where something else needs that memory. Where nothing is loaded, nothing is kept. */
  #account(): void {
    const { live } = this.#memory;
    if (!live) return;
    const bytes = this.#markBytes + (this.#trip?.state.weight ?? 0);
    live.fold.kept = bytes === 0 ? undefined : { bytes, release: this.#release };
  }
}
