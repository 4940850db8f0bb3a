import { segmentEvents } from "../../protocol/index.ts";
import type { StorageReads } from "../../storage/port.ts";

/** How far the audit of the log is. */
export class Sealing {
  /** Attempts to seal the next segment since the last one that succeeded. */
  attempts = 0;
  #segments: number;
  readonly #seals: boolean;

  /** `seals`: whether segments are sealed here: the model asks for it, and there is a key. */
  constructor(reads: StorageReads, seals: boolean) {
    this.#seals = seals;
    this.#segments = seals ? reads.audit.segments() : 0;
  }

  /** The segment that is to be sealed next. */
  get segment(): number {
    return this.#segments;
  }

  /** The event with which it is whole; infinite: none is sealed here. */
  get wholeAt(): number {
    return this.#seals ? (this.#segments + 1) * segmentEvents : Number.POSITIVE_INFINITY;
  }

  /** It is sealed. */
  advance(): void {
    this.#segments++;
    this.attempts = 0;
  }
}
