import { type AnyModel, foldEvent, State } from "../../src/model/index.ts";
import type { Json, NumberedEvent } from "../../src/protocol/index.ts";
import { canonicalText } from "./ledger.ts";

/** What a client makes of the events it is given: its own fold of the log. */
export class Replica {
  readonly #model: AnyModel;
  #state: State<object>;
  /** Own events that were accepted before those in front of them came. */
  readonly #ahead = new Map<number, NumberedEvent>();
  /** The last event that is folded in. */
  cursor = 0;

  constructor(model: AnyModel) {
    this.#model = model;
    this.#state = new State<object>(model.initialState() as object);
  }

  /** In canonical JSON. */
  get state(): string {
    return canonicalText(this.#state.stringify());
  }

  /** Starts again from `state`, as it is after event `eventIndex`; by default from nothing. */
  reset(state: Json = this.#model.initialState() as Json, eventIndex = 0): void {
    this.#state = new State<object>(structuredClone(state) as object);
    this.#ahead.clear();
    this.cursor = eventIndex;
  }

  /** Folds in an event, if it is the next. Returns whether it is known now. */
  take(numbered: NumberedEvent): boolean {
    if (numbered.eventId > this.cursor + 1) return false;
    if (numbered.eventId === this.cursor + 1) this.#fold(numbered);
    for (let next = this.#ahead.get(this.cursor + 1); next; next = this.#ahead.get(this.cursor + 1)) this.#fold(next);
    return true;
  }

  /** Takes an own event whose acceptance is all that will come of it. */
  takeOwn(numbered: NumberedEvent): void {
    if (!this.take(numbered)) this.#ahead.set(numbered.eventId, numbered);
  }

  #fold({ eventId, event }: NumberedEvent): void {
    foldEvent(this.#model, this.#state, event);
    this.#ahead.delete(eventId);
    this.cursor = eventId;
  }
}
