import type { EventRow } from "../../storage/port.ts";
import { Credit } from "./credit.ts";

/** What is kept of a cursor over hibernation. */
export interface CursorState {
  /** The last event that was delivered, where others follow that are not broadcast; undefined: the head, or none yet. */
  readonly behind: number | undefined;
  /** Set while a commit is in doubt: the last event that was delivered at the head; undefined: all of them were. */
  readonly delivered: number | undefined;
}

/**
 * How far a subscriber has received the log. What it receives, by pages and broadcasts, is one contiguous run:
 * at the head each new event is broadcast to it, as far as it has credit; behind the head it asks for pages.
 */
export class Cursor {
  #state: CursorState;
  /** The state at the beginning of the window. */
  #before: CursorState;
  /** The last event that was delivered at the head; undefined after hibernation, until the log could be read. */
  #position: number | undefined;
  #positionBefore: number | undefined;
  readonly #credit = new Credit();

  constructor(state: CursorState) {
    this.#state = this.#before = state;
  }

  get state(): CursorState {
    return this.#state;
  }

  get atHead(): boolean {
    return this.#state.behind === undefined;
  }

  /** The last event that was delivered; 0: none, or not known yet after hibernation. */
  get delivered(): number {
    return this.#state.behind ?? this.#position ?? 0;
  }

  /** The bytes of broadcasts that it has not acknowledged. */
  get spentBytes(): number {
    return this.#credit.spent;
  }

  /** Restores the position after hibernation: at the head everything up to `head` was delivered, or less in doubt. */
  resume(head: number): void {
    this.#position = this.#state.delivered ?? head;
  }

  /** Keeps the position over hibernation: there may be later events, which cannot be read now. */
  doubt(): void {
    if (!this.atHead || this.#position === undefined || this.#state.delivered === this.#position) return;
    this.#state = { ...this.#state, delivered: this.#position };
  }

  /** Ends the doubt: the log could be read, and its new events are delivered. */
  endDoubt(): void {
    if (this.#state.delivered !== undefined) this.#state = { ...this.#state, delivered: undefined };
  }

  begin(): void {
    this.#before = this.#state;
    this.#positionBefore = this.#position;
  }

  rollback(): void {
    this.#state = this.#before;
    this.#position = this.#positionBefore;
  }

  /** Moves the cursor to `eventId`: everything up to it is delivered. */
  seek(eventId: number, head: number): void {
    this.#position = eventId;
    const behind = eventId === head ? undefined : eventId;
    if (behind !== this.#state.behind) this.#state = { ...this.#state, behind };
  }

  /** Moves the cursor to `eventId`, and gives no broadcasts before the next `seek`: the subscriber loads what comes before. */
  hold(eventId: number): void {
    this.#position = eventId;
    this.#state = { ...this.#state, behind: eventId };
  }

  /** Whether an event was not delivered yet. */
  isNew({ eventId }: EventRow): boolean {
    return eventId > (this.#position ?? 0);
  }

  /**
   * Moves the cursor, which is at the head, over `fresh`, the new events of the log, and returns those to deliver: the
   * ones that are new to it, without `skipped`, as many as `credit` bytes are enough for. With the rest it is behind.
   * For subscribers that receive the same events it is the same array.
   */
  advance(
    fresh: readonly EventRow[],
    credit: number | undefined,
    skipped: ReadonlySet<number> | undefined,
    authors: boolean,
    draftIdsOf: string | undefined,
  ): readonly EventRow[] {
    if (fresh.length === 0) return fresh;
    const wanted =
      !skipped && this.isNew(fresh[0]!)
        ? fresh
        : fresh.filter((row) => this.isNew(row) && skipped?.has(row.eventId) !== true);
    const affordable =
      credit === undefined || wanted.length === 0
        ? wanted.length
        : this.#credit.spend(wanted, credit, authors, draftIdsOf);
    if (affordable < wanted.length) {
      this.#state = { ...this.#state, behind: wanted[affordable]!.eventId - 1 };
      return wanted.slice(0, affordable);
    }
    this.#position = fresh.at(-1)!.eventId;
    return wanted;
  }

  /** Gives back the credit of all events up to `eventId`. */
  acknowledge(eventId: number): void {
    this.#credit.release(eventId);
  }
}
