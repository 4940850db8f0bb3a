import type { Draft } from "../../src/core/index.ts";
import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import { memberOf, type Proposal } from "./drafts.ts";
import type { Ledger } from "./ledger.ts";
import type { Random } from "./random.ts";
import type { Trace } from "./trace.ts";

/** What a caller is made of. */
export interface CallerParts {
  readonly name: string;
  readonly principal: string;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly trace: Trace;
  propose(): Proposal;
  /** A draft of the same principal that was decided over a socket. */
  another(): Draft | undefined;
  /** Sends a request; undefined comes where there is no answer any more. */
  request(draft: Draft, done: (answer: HttpAnswer | undefined) => void): void;
}

/** Somebody who submits over HTTP: one draft at a time, again and again until there is a verdict. */
export class Caller {
  readonly #parts: CallerParts;
  /** First answers, by draft id: status and body. */
  readonly #answers = new Map<string, string>();
  readonly #drafts: Draft[] = [];
  #pending: Draft | undefined;
  #waiting = false;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  get settled(): boolean {
    return this.#pending === undefined;
  }

  act(): void {
    if (this.#waiting) return;
    this.#pending ??= this.#next();
    this.settle();
  }

  /** Goes on with what is undecided. */
  settle(): void {
    const draft = this.#pending;
    if (!draft || this.#waiting) return;
    this.#waiting = true;
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
    // It is sent again, with another token where that was the reason.
    if (answer.status === 503 || answer.status === 401) return;
    this.#pending = undefined;
    if (!ledger.checkAnswer(principal, memberOf(draftId, draft as Proposal), answer)) return;
    const text = JSON.stringify(answer);
    const first = ledger.isForgotten(principal, draftId) ? text : (this.#answers.get(draftId) ?? text);
    this.#answers.set(draftId, text);
    trace.check(first === text, () => `${draftId} was answered ${first}, and then ${text}`);
  }
}
