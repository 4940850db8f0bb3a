/**
 * A judge of what a client shows of one text between its steps, on plain strings: the confirmed text, and the drafts of the
 * client that are not confirmed, mapped over what comes. It imports only the naive operations.
 */
import { naiveApply, naiveOf, type NaiveOperation, naivePass } from "./naive-text.ts";

type Sent = Parameters<typeof naiveOf>[0];

/** A change of the text in the log. */
interface NaiveEvent {
  readonly eventId: number;
  readonly clientId: string;
  readonly operation: NaiveOperation;
}

/** The log of one text. */
export class NaiveText {
  readonly #events: NaiveEvent[] = [];
  readonly #texts: string[] = [""];

  /** Adds an event after the others. One that is known already is only compared. */
  add(eventId: number, clientId: string, changes: Sent): void {
    const at = this.#events.findIndex((event) => event.eventId >= eventId);
    const operation = naiveOf(changes);
    if (at < 0) {
      this.#events.push({ eventId, clientId, operation });
      this.#texts.push(naiveApply(this.end, operation));
      return;
    }
    const known = this.#events[at];
    if (known?.eventId !== eventId || JSON.stringify(known.operation) !== JSON.stringify(operation))
      throw new Error(`event ${eventId} came as ${JSON.stringify(operation)}, and before as ${JSON.stringify(known)}`);
  }

  /** The text after all events. */
  get end(): string {
    return this.#texts.at(-1)!;
  }

  /** The text after this event of the partition. */
  after(eventId: number): string {
    return this.#texts[this.#events.filter((event) => event.eventId <= eventId).length]!;
  }

  /** The events after one up to another one. */
  between(after: number, upTo: number): readonly NaiveEvent[] {
    return this.#events.filter(({ eventId }) => eventId > after && eventId <= upTo);
  }
}

/** What a client has of a text: its last event, its pending drafts as they are on it, and what it shows. */
export interface Seen {
  readonly eventId: number;
  readonly drafts: readonly Sent[];
  readonly shown: string;
}

/** Follows one client, and compares it with what the events that came have to make of its drafts. */
export class NaiveFollower {
  readonly #clientId: string;
  readonly #text: NaiveText;
  #eventId = 0;
  /** Whether the drafts in the view may not be what the server will make of them. */
  #guesses = false;
  /** The last event that the clients before this one had. */
  #endedAt = 0;
  #drafts: readonly NaiveOperation[] | undefined;

  constructor(clientId: string, text: NaiveText) {
    this.#clientId = clientId;
    this.#text = text;
  }

  /** What is expected is not known any more: drafts have left the view, or the state was replaced. */
  forget(): void {
    this.#drafts = undefined;
  }

  /** The state is another one: over what has come since, its drafts are mapped without knowing the events. */
  replaced(eventId: number): void {
    if (eventId <= this.#eventId) return;
    this.forget();
    this.#guesses = true;
  }

  /** The client has ended at this event. The next one has its drafts in its view when it is there again, if they are `stored`. */
  ended(eventId: number, stored: boolean): void {
    // It may have ended before it had again what an earlier one had.
    this.#endedAt = Math.max(this.#endedAt, eventId);
    if (!stored) this.forget();
  }

  /** Only events have come since the last call: compares the view with what they have to make of it. */
  check(seen: Seen): void {
    if (seen.eventId < this.#endedAt) {
      this.#compare(seen);
      return;
    }
    if (this.#drafts) {
      const expected = this.#forwarded(seen.eventId, this.#drafts).reduce(naiveApply, this.#text.after(seen.eventId));
      if (seen.shown !== expected)
        throw new Error(
          `${this.#clientId} shows ${JSON.stringify(seen.shown)} after event ${seen.eventId}, and not ${JSON.stringify(expected)}`,
        );
    }
    this.take(seen);
  }

  /** The client has changed the text: takes its drafts as they are now. */
  take(seen: Seen): void {
    const drafts = this.#compare(seen);
    this.#eventId = seen.eventId;
    this.#guesses &&= drafts.length > 0;
    this.#drafts = this.#guesses || seen.eventId < this.#endedAt ? undefined : drafts;
  }

  /** The view is the confirmed text with the drafts. */
  #compare({ eventId, drafts, shown }: Seen): readonly NaiveOperation[] {
    const operations = drafts.map(naiveOf);
    const expected = operations.reduce(naiveApply, this.#text.after(eventId));
    if (shown !== expected)
      throw new Error(
        `${this.#clientId} shows ${JSON.stringify(shown)}, and its drafts make ${JSON.stringify(expected)} of event ${eventId}`,
      );
    return operations;
  }

  #forwarded(upTo: number, drafts: readonly NaiveOperation[]): readonly NaiveOperation[] {
    let left = drafts;
    for (const { eventId, clientId, operation } of this.#text.between(this.#eventId, upTo)) {
      if (clientId !== this.#clientId) {
        left = naivePass(left, operation, this.#clientId < clientId);
        continue;
      }
      const [own, ...later] = left;
      const before = this.#text.after(eventId - 1);
      const after = this.#text.after(eventId);
      if (!own || naiveApply(before, own) !== after)
        throw new Error(
          `event ${eventId} makes ${JSON.stringify(after)} of ${JSON.stringify(before)}, and ${clientId} has for its draft ${JSON.stringify(own)}`,
        );
      left = later;
    }
    return left;
  }
}
