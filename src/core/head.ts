import type { EventOrigin, EventRow } from "../storage/port.ts";
import { proofOf } from "./delivery/proof.ts";
import { bounds } from "../protocol/index.ts";

/** Where the log stands: what the next event continues. */
export class Head {
  #eventId: number;
  #appended: number;
  #timestamp: number;
  #incarnation: string | undefined;
  #logBytes: number;
  #logId: string | undefined;

  constructor(at: { eventId: number; logBytes: number; logId: string | undefined } & EventOrigin) {
    this.#eventId = this.#appended = at.eventId;
    this.#timestamp = at.timestamp;
    this.#incarnation = at.incarnation;
    this.#logBytes = at.logBytes;
    this.#logId = at.logId;
  }

  /** The last event id. */
  get eventId(): number {
    return this.#eventId;
  }

  /** The last event that is in the log; `eventId` is ahead of it while an atomic batch is being decided. */
  get appendedEventId(): number {
    return this.#appended;
  }

  /** The last event's time; times never run backwards. */
  get timestamp(): number {
    return this.#timestamp;
  }

  /** The proof of the last event; undefined where there is none. */
  get proof(): string | undefined {
    if (this.#eventId === 0) return undefined;
    return proofOf({ timestamp: this.#timestamp, incarnation: this.#incarnation });
  }

  /** Payload bytes of the whole log. */
  get logBytes(): number {
    return this.#logBytes;
  }

  /** The bytes of the log, with what each event needs besides its payload. */
  get bytes(): number {
    return this.#logBytes + this.#eventId * bounds.eventRowBytes;
  }

  /** The log's id; undefined while nothing was ever written. */
  get logId(): string | undefined {
    return this.#logId;
  }

  /** Corrects the size of the log, where it was not counted when it was loaded. */
  recount(logBytes: number): void {
    this.#logBytes = logBytes;
  }

  /** Names the log, which is written for the first time. */
  create(logId: string): void {
    this.#logId = logId;
  }

  /** Moves on to an event that was appended to the log. */
  append(row: EventRow): void {
    if (row.eventId !== this.#eventId + 1) throw new Error("an event does not follow the head");
    this.#eventId = this.#appended = row.eventId;
    this.#timestamp = row.timestamp;
    this.#incarnation = row.incarnation;
    this.#logBytes += row.payloadBytes;
  }

  /** Counts an event of an atomic batch that is applied to the state and not appended yet: the next member follows it. */
  reserve(): void {
    this.#eventId++;
  }

  /** Takes back what was reserved after `eventId`. */
  release(eventId: number): void {
    this.#eventId = eventId;
  }
}
