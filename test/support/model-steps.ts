import { compensationOf } from "../../src/model/compensate.ts";
import {
  type AnyModel,
  type Compensation,
  foldEvent,
  invariantViolations,
  type ModelEvent,
  payloadViolations,
  ruleViolations,
  State,
  type UndoBlock,
} from "../../src/model/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { Json, JsonObject, Violation } from "../../src/protocol/index.ts";

/** A state of a model, and the way of a draft to it, as in a partition but without storage. */
export class ModelSteps {
  readonly state: State<object>;
  readonly #model: AnyModel;
  /** Milliseconds since 1970, of the next event. */
  now = 1_700_000_000_000;
  head = 0;
  /** The work of the last draft, in the units of `State.work`. */
  work = 0;

  constructor(model: AnyModel) {
    this.#model = model;
    this.state = new State<object>(model.initialState());
  }

  /** Decides a draft. Returns why it is rejected; nothing: it is in the state. */
  submit(author: string, type: string, payload: object): Violation[] {
    const definition = this.#model.eventType(type)!;
    const event = this.#eventOf(author, { type, payload: payload as JsonObject });
    const shape = payloadViolations(definition, event.payload);
    if (shape.length > 0) return shape;
    const { work } = this.state;
    const rules = ruleViolations(definition as never, this.state, event, { head: this.head, principal: author });
    if (rules.length > 0) return rules;
    const before = this.state.change((root) => definition.reduce(root, event, this.state.context));
    const broken = invariantViolations(this.#model, this.state);
    this.work = this.state.work - work;
    if (broken.length > 0) {
      this.state.undoTo(before);
      return broken;
    }
    this.state.forget();
    this.head++;
    return [];
  }

  /** The codes of the violations of a draft. */
  codes(author: string, type: string, payload: object): string[] {
    return this.submit(author, type, payload).map(({ code }) => code);
  }

  /** The drafts that would undo this one. */
  undoOf(author: string, type: string, payload: object): Compensation[] | UndoBlock | undefined {
    return compensationOf(this.#model, this.state, this.#eventOf(author, { type, payload: payload as JsonObject }));
  }

  /** Folds an event without deciding it. */
  fold(author: string, type: string, payload: object): void {
    foldEvent(this.#model, this.state, this.#eventOf(author, { type, payload: payload as JsonObject }));
    this.head++;
  }

  /** The state as plain JSON. */
  plain<S = Json>(): S {
    return JSON.parse(this.state.stringify()) as S;
  }

  /** The state as a text that does not depend on the order of keys. */
  canonical(): string {
    return canonicalJson(this.plain());
  }

  #eventOf(author: string, { type, payload }: Compensation): ModelEvent<JsonObject> {
    return { type, payload, author, timestamp: this.now, clientId: "client" };
  }
}
