import type { Draft } from "../../src/core/index.ts";
import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import type { Problem } from "../../src/protocol/index.ts";
import { memberOf, type Proposal } from "./drafts.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** The parts of a caller. */
export interface CallerParts {
  readonly name: string;
  readonly principal: string;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly trace: Trace;
  propose(): Proposal;
  /** A draft of the same principal that was decided over a socket. */
  another(): Draft | undefined;
  /** Sends a request. `done` receives undefined if the connection ends without an answer. */
  request(draft: Draft, done: (answer: HttpAnswer | undefined) => void): void;
}

/** A client over HTTP: it submits one draft at a time, and retries until there is a verdict. */
export class Caller {
  readonly #parts: CallerParts;
  /** First answers, by draft id: status and body. */
  readonly #answers = new Map<string, string>();
  readonly #drafts: Draft[] = [];
  #pending: Draft | undefined;
  #waiting = false;
  /** The last event when it sent its request. */
  #headBefore = 0;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  get settled(): boolean {
    return this.#pending === undefined;
  }

  /** Whether a request of it has no answer yet. */
  get waiting(): boolean {
    return this.#waiting;
  }

  act(): void {
    if (this.#waiting) return;
    this.#pending ??= this.#next();
    this.settle();
  }

  /** Sends the undecided draft again. */
  settle(): void {
    const draft = this.#pending;
    if (!draft || this.#waiting) return;
    this.#waiting = true;
    this.#headBefore = this.#parts.ledger.head;
    this.#parts.request(draft, (answer) => {
      this.#waiting = false;
      if (answer) this.#answered(draft, answer);
    });
  }

  #next(): Draft | undefined {
    const { random } = this.#parts;
    if (this.#drafts.length > 0 && random.chance(0.2)) return random.pick(this.#drafts);
    if (random.chance(0.2)) return this.#parts.another();
    const { event, expectedEventId } = this.#parts.propose();
    const draft: Draft = { draftId: `${this.#parts.name}-d${this.#drafts.length + 1}`, event, expectedEventId };
    this.#drafts.push(draft);
    return draft;
  }

  #answered(draft: Draft, answer: HttpAnswer): void {
    const { ledger, trace, principal } = this.#parts;
    const { draftId } = draft;
    if (answer.status >= 400) {
      ledger.checkRefused(principal, draftId, (JSON.parse(answer.body) as Problem).code, this.#headBefore);
    }
    // It is sent again; with another token if that was the reason.
    if (answer.status === 503 || answer.status === 401) return;
    this.#pending = undefined;
    if (!ledger.checkAnswer(principal, memberOf(draftId, draft as Proposal), answer)) return;
    const text = JSON.stringify(answer);
    const first = ledger.isForgotten(principal, draftId) ? text : (this.#answers.get(draftId) ?? text);
    this.#answers.set(draftId, text);
    trace.check(first === text, () => `${draftId} was answered ${first}, and then ${text}`);
  }
}
