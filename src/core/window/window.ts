import type { EventRow } from "../../storage/port.ts";
import type { Outcome } from "../replies.ts";
import type { Listener } from "../delivery/listener.ts";
import { WindowCounts } from "./counts.ts";

/** How much of a batch was done, in pieces of work and in the units of `State.work`. */
export interface Processed {
  readonly done: number;
  readonly work: number;
}

/**
 * What came of the work of one window, held back until its transaction is committed: one commit,
 * one flush. If the commit fails, nothing of it is sent.
 */
export class Window {
  /** The events that were committed, in order. */
  readonly events: EventRow[] = [];
  /** The work that was done for it, in the units of `State.work`. It is not taken back by a rollback. */
  work = 0;
  readonly counts = new WindowCounts();
  readonly #touched = new Set<Listener>();
  readonly #answers: (() => void)[] = [];
  readonly #undos: (() => void)[] = [];

  /** Notes that `listener` has something to receive, or to keep. */
  touch(listener: Listener): void {
    if (this.#touched.has(listener)) return;
    this.#touched.add(listener);
    listener.begin();
  }

  answer(work: { answer(outcome: Outcome): void }, outcome: Outcome): void {
    this.counts.outcome(outcome);
    this.#answers.push(() => work.answer(outcome));
  }

  /** Has `undo` run if the window is not committed; what was done last is undone first. */
  onRollback(undo: (() => void) | undefined): void {
    if (undo) this.#undos.push(undo);
  }

  /** Drops what was to be delivered, and restores what has changed in listeners and elsewhere in memory. */
  rollback(): void {
    for (const undo of this.#undos.splice(0).toReversed()) undo();
    for (const listener of this.#touched) listener.rollback();
    this.#touched.clear();
    this.#answers.length = 0;
    this.events.length = 0;
    this.counts.clear();
  }

  /** Delivers the answers and replies, and `fresh` to every listener at the head. */
  flush(listeners: Iterable<Listener>, fresh: readonly EventRow[], now: number): void {
    for (const answer of this.#answers) answer();
    for (const listener of this.#touched) listener.flush(fresh, now);
    if (fresh.length === 0) return;
    for (const listener of listeners) if (!this.#touched.has(listener)) listener.flush(fresh, now);
  }
}
