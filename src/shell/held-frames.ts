import { type Frame, bytesOf } from "../core/index.ts";
import { bounds } from "../protocol/index.ts";

/** What a frame takes in memory beside its text, in bytes. */
const frameBytes = 32;

/** A connection whose frames wait. */
interface Holder {
  overflowed(): void;
}

/** What the frames of all connections take that wait before they are decoded: for a token, for the tenant, for their peer to read. */
export class HeldFrames {
  readonly #bytes = new Map<Holder, number>();
  #total = 0;

  /** Counts a frame of `holder`. If all together are over their bound, who holds most of them has to end. */
  add(holder: Holder, frame: Frame): void {
    this.#count(holder, memoryOf(frame));
    if (this.#total <= bounds.heldBytesMax) return;
    const [[largest]] = [...this.#bytes].toSorted(([, a], [, b]) => b - a) as [[Holder, number]];
    largest.overflowed();
  }

  /** A frame of `holder` waits no more. */
  remove(holder: Holder, frame: Frame): void {
    this.#count(holder, -memoryOf(frame));
  }

  /** None of its frames waits any more. */
  release(holder: Holder): void {
    this.#count(holder, -(this.#bytes.get(holder) ?? 0));
  }

  #count(holder: Holder, change: number): void {
    const bytes = (this.#bytes.get(holder) ?? 0) + change;
    this.#total += change;
    if (bytes === 0) this.#bytes.delete(holder);
    else this.#bytes.set(holder, bytes);
  }
}

/** Two bytes a unit: one character above U+00FF makes all of a text take as much. */
function memoryOf(frame: Frame): number {
  return frameBytes + 2 * bytesOf(frame);
}
