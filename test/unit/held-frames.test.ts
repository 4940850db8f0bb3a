import { describe, expect, it } from "vitest";
import { bounds } from "../../src/protocol/index.ts";
import { HeldFrames } from "../../src/shell/held-frames.ts";

/** A connection that holds frames of `frames`, until it overflows. */
class Holder {
  ended = 0;
  readonly #held: HeldFrames;

  constructor(held: HeldFrames) {
    this.#held = held;
  }

  hold(frames: string[]): void {
    for (const frame of frames) this.#held.add(this, frame);
  }

  overflowed(): void {
    this.ended++;
    this.#held.release(this);
  }
}

describe("frames that wait before they are decoded", () => {
  it("[BD-2] [LC-10] are bounded for all connections together: the one that holds most of them ends", () => {
    const held = new HeldFrames();
    const [small, large] = [new Holder(held), new Holder(held)];
    const frame = "x".repeat(bounds.frameBytesMax);
    const most = Math.floor(bounds.heldBytesMax / (2 * frame.length + 32));
    large.hold(Array(most - 2).fill(frame));
    small.hold([frame, frame]);
    expect([small.ended, large.ended]).toEqual([0, 0]);
    small.hold([frame]);
    expect([small.ended, large.ended]).toEqual([0, 1]);
    small.hold(Array(most - 3).fill(frame));
    expect(small.ended).toBe(0);
    held.remove(small, frame);
    small.hold([frame]);
    expect(small.ended).toBe(0);
    small.hold([frame]);
    expect(small.ended).toBe(1);
  });
});
