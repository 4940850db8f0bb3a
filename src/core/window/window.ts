import type { EventRow } from "../../storage/port.ts";
import type { Outcome } from "../replies.ts";
import type { Session } from "../delivery/session.ts";

/**
 * What came of the work of one window, held back until its transaction is committed: one commit,
 * one flush. If the commit fails, nothing of it was ever said.
 */
export class Window {
  /** The events that were committed, in order. */
  readonly events: EventRow[] = [];
  readonly #touched = new Set<Session>();
  readonly #answers: (() => void)[] = [];
  readonly #undos: (() => void)[] = [];

  /** Remembers that `session` has something to be told, or to be kept. */
  touch(session: Session): void {
    if (this.#touched.has(session)) return;
    this.#touched.add(session);
    session.begin();
  }

  answer(work: { answer(outcome: Outcome): void }, outcome: Outcome): void {
    this.#answers.push(() => work.answer(outcome));
  }

  /** Has `undo` run if the window is not committed; what was done last is undone first. */
  onRollback(undo: (() => void) | undefined): void {
    if (undo) this.#undos.push(undo);
  }

  /** Takes back what sessions were to be told, and what had changed in them and elsewhere in memory. */
  rollback(): void {
    for (const undo of this.#undos.splice(0).toReversed()) undo();
    for (const session of this.#touched) session.rollback();
    this.#touched.clear();
    this.#answers.length = 0;
    this.events.length = 0;
  }

  /** Tells everything: replies to those who asked, and `fresh` to every connection that is live. */
  flush(sessions: Iterable<Session>, fresh: readonly EventRow[], now: number): void {
    for (const answer of this.#answers) answer();
    for (const session of this.#touched) session.flush(fresh, now);
    if (fresh.length === 0) return;
    for (const session of sessions) if (!this.#touched.has(session)) session.flush(fresh, now);
  }
}
