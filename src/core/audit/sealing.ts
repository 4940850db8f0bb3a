import { segmentEvents } from "../../protocol/index.ts";

/** How far the audit of the log is. */
export class Sealing {
  /** Attempts to seal the next segment since the last one that succeeded. */
  attempts = 0;
  #segments: number | undefined;

  /** `segments`: how many are sealed; undefined: none is sealed here. */
  constructor(segments: number | undefined) {
    this.#segments = segments;
  }

  /** The segment that is to be sealed next. */
  get segment(): number {
    return this.#segments ?? 0;
  }

  /** The event with which it is whole; infinite: none is sealed here. */
  get wholeAt(): number {
    return this.#segments === undefined ? Number.POSITIVE_INFINITY : (this.#segments + 1) * segmentEvents;
  }

  /** It is sealed. */
  advance(): void {
    this.#segments = this.segment + 1;
    this.attempts = 0;
  }
}
