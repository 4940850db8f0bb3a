import { Turns } from "../../src/core/index.ts";

/** Turns by a clock that never stands still, and a timer that the test fires; by default never. */
export function testTurns(timer: (turn: () => void) => void = () => {}): Turns {
  let now = 0;
  const afterIo = () => {
    throw new Error("the clock never stands still in this test");
  };
  return new Turns({ now: () => (now += 10), timer, afterIo });
}
