import { Turns } from "../../src/core/index.ts";

/** Turns by a timer that the test fires, by default never. What waits for input or output waits for the same. */
export function testTurns(timer: (turn: () => void) => void = () => {}): Turns {
  return new Turns({ timer, afterIo: timer });
}
