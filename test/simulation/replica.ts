import { type AnyModel, foldEvent, State } from "../../src/model/index.ts";
import type { Json, NumberedEvent } from "../../src/protocol/index.ts";
import { canonicalText } from "./ledger.ts";

/** The state of a client: its own fold of the events that it receives. */
export class Replica {
  readonly #model: AnyModel;
  #state: State<object>;
  /** Own accepted events whose earlier events were not received yet. */
  readonly #ahead = new Map<number, NumberedEvent>();
  /** The last folded event. */
  cursor = 0;

  constructor(model: AnyModel) {
    this.#model = model;
    this.#state = new State<object>(model.initialState() as object);
  }

  /** The state in canonical JSON. */
  get state(): string {
    return canonicalText(this.#state.stringify());
  }

  /** Restarts from `state`, the state after event `eventIndex`; by default from the initial state. */
  reset(state: Json = this.#model.initialState() as Json, eventIndex = 0): void {
    this.#state = new State<object>(structuredClone(state) as object);
    this.#ahead.clear();
    this.cursor = eventIndex;
  }

  /** Folds an event if it is the next. Returns whether it is folded now. */
  fold(numbered: NumberedEvent): boolean {
    if (numbered.eventId > this.cursor + 1) return false;
    if (numbered.eventId === this.cursor + 1) this.#foldNext(numbered);
    for (let next = this.#ahead.get(this.cursor + 1); next; next = this.#ahead.get(this.cursor + 1))
      this.#foldNext(next);
    return true;
  }

  /** Folds an own event that is sent as its acceptance only, now or when it is the next. */
  foldOwn(numbered: NumberedEvent): void {
    if (!this.fold(numbered)) this.#ahead.set(numbered.eventId, numbered);
  }

  #foldNext({ eventId, event }: NumberedEvent): void {
    foldEvent(this.#model, this.#state, event);
    this.#ahead.delete(eventId);
    this.cursor = eventId;
  }
}
