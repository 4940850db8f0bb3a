import type { ConfirmedEvent } from "./replica.ts";
import type { BatchVerdict, Verdict } from "./verdict.ts";

/** A verdict that is told when the events up to `eventId` were. */
interface Decision {
  key: string;
  verdict: Verdict | BatchVerdict;
  eventId: number;
}

/**
 * Puts events into the order of the log. In one window of the server verdicts come before the
 * broadcasts of others, so own events may be ahead of what is between.
 */
export class Inbox {
  /** The last event that was handed on, or is about to be. */
  #cursor = 0;
  #ready: ConfirmedEvent[] = [];
  /** Events behind a hole, by id. Bounded: a hole is asked for as soon as its frame is over. */
  readonly #ahead = new Map<number, ConfirmedEvent>();
  #decisions: Decision[] = [];

  get cursor(): number {
    return this.#cursor;
  }

  /** Whether something between the cursor and what has come is missing. */
  get hasHole(): boolean {
    return this.#ahead.size > 0;
  }

  /** A connection begins, or the state was replaced: what follows is after `eventId`. Verdicts stay, for they are final. */
  begin(eventId: number): void {
    this.#cursor = eventId;
    this.#ready = [];
    this.#ahead.clear();
  }

  /** Takes an event, wherever it belongs; one that is known already is ignored. */
  put({ eventId, event, draftId }: ConfirmedEvent): void {
    if (eventId <= this.#cursor) return;
    if (eventId > this.#cursor + 1) {
      this.#ahead.set(eventId, { eventId, event, draftId });
      return;
    }
    this.#ready.push({ eventId, event, draftId });
    this.#cursor = eventId;
    for (let next = this.#ahead.get(this.#cursor + 1); next; next = this.#ahead.get(this.#cursor + 1)) {
      this.#ahead.delete(next.eventId);
      this.#ready.push(next);
      this.#cursor = next.eventId;
    }
  }

  /** Keeps a verdict until the events up to `eventId` are here. */
  decide(key: string, verdict: Verdict | BatchVerdict, eventId: number): void {
    this.#decisions.push({ key, verdict, eventId });
  }

  /** The log is another one: verdicts that wait for events of the old one say nothing in it. */
  forgetVerdicts(): void {
    this.#decisions = [];
  }

  /** The events that follow what was taken before, and the verdicts that are due after them. */
  take(): { events: ConfirmedEvent[]; verdicts: Decision[] } {
    const events = this.#ready;
    const verdicts = this.#decisions.filter(({ eventId }) => eventId <= this.#cursor);
    if (verdicts.length > 0) this.#decisions = this.#decisions.filter(({ eventId }) => eventId > this.#cursor);
    this.#ready = [];
    return { events, verdicts };
  }
}
