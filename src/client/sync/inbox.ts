import type { ConfirmedEvent } from "./replica.ts";
import type { BatchVerdict, Verdict } from "./verdict.ts";

/** A verdict that is delivered after the events up to `eventId`. */
interface Decision {
  key: string;
  verdict: Verdict | BatchVerdict;
  eventId: number;
}

/**
 * Puts events into the order of the log. In one window the server sends verdicts before the broadcasts
 * of others, so own events may arrive before events with smaller ids.
 */
export class Inbox {
  /** The last event that was delivered, or is ready to be delivered. */
  #cursor = 0;
  #ready: ConfirmedEvent[] = [];
  /** Events after a gap, by id. Bounded: missing events are requested directly after the frame. */
  readonly #ahead = new Map<number, ConfirmedEvent>();
  #decisions: Decision[] = [];
  #stopped = false;

  get cursor(): number {
    return this.#cursor;
  }

  /** Whether events are missing between the cursor and later events. */
  get hasHole(): boolean {
    return this.#ahead.size > 0;
  }

  /** No further event is delivered, and no verdict waits for one. */
  stop(): void {
    this.#stopped = true;
    this.begin(this.#cursor);
  }

  /** A connection begins, or the state was replaced: the next event is `eventId` + 1. Verdicts stay, because they are final. */
  begin(eventId: number): void {
    this.#cursor = eventId;
    this.#ready = [];
    this.#ahead.clear();
  }

  /** Adds an event with any id. Ignores one that is known. The server accepts its time as a proof, too. */
  put({ eventId, event, draftId, proof = `t${event.timestamp}` }: ConfirmedEvent): void {
    if (eventId <= this.#cursor || this.#stopped) return;
    this.#ahead.set(eventId, { eventId, event, draftId, proof });
    for (let next = this.#ahead.get(this.#cursor + 1); next; next = this.#ahead.get(this.#cursor + 1)) {
      this.#ahead.delete(++this.#cursor);
      this.#ready.push(next);
    }
  }

  /** Keeps a verdict until the events up to `eventId` are delivered. */
  decide(key: string, verdict: Verdict | BatchVerdict, eventId: number): void {
    this.#decisions.push({ key, verdict, eventId });
  }

  /** The log was replaced: verdicts that wait for events of the old log do not apply to the new one. */
  forgetVerdicts(): void {
    this.#decisions = [];
  }

  /** Removes and returns the next events. */
  takeEvents(): ConfirmedEvent[] {
    return this.#ready.splice(0);
  }

  /** Removes and returns the next verdict that is due after the events that were taken. */
  takeVerdict(): Decision | undefined {
    const at = this.#decisions.findIndex(({ eventId }) => this.#stopped || eventId <= this.#cursor);
    return at < 0 ? undefined : this.#decisions.splice(at, 1)[0];
  }
}
