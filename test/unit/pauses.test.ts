import { expect, it } from "vitest";
import { Pauses } from "../../src/shell/pauses.ts";

/** A world whose time, timers, and input and output are moved by hand. */
function world() {
  const timers = new Set<{ due: number; run: () => void }>();
  const io: (() => void)[] = [];
  const at = { now: 1_000 };
  const pauses = new Pauses({
    now: () => at.now,
    timer: (run, delayMs) => {
      const timer = { due: at.now + delayMs, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    afterIo: (run) => void io.push(run),
  });
  const endIo = () => {
    for (const run of io.splice(0)) run();
  };
  const fire = () => {
    const [timer] = timers;
    timers.delete(timer!);
    timer!.run();
  };
  return { at, pauses, timers, io, endIo, fire };
}

it("[AU-5] [CL-8] short pauses have one timer in all, and none while input or output is awaited", () => {
  const { at, pauses, timers, io, endIo, fire } = world();
  const ended: string[] = [];
  pauses.begin(() => ended.push("a"), 3);
  pauses.begin(() => ended.push("b"), 1);
  expect([timers.size, io.length]).toEqual([0, 1]);
  endIo();
  expect([...timers].map(({ due }) => due)).toEqual([1_001]);
  at.now = 1_001;
  fire();
  expect([timers.size, io.length]).toEqual([0, 1]);
  at.now = 1_010;
  endIo();
  expect(ended.toSorted()).toEqual(["a", "b"]);
  expect([timers.size, io.length]).toEqual([0, 0]);
});

it("[AU-5] [CL-8] a shorter pause that begins later ends first, and one that is cancelled leaves no timer", () => {
  const { at, pauses, timers, endIo } = world();
  const ended: string[] = [];
  const cancel = pauses.begin(() => ended.push("long"), 900);
  endIo();
  pauses.begin(() => ended.push("short"), 2);
  endIo();
  expect([...timers].map(({ due }) => due)).toEqual([1_002]);
  at.now = 1_002;
  for (const { run } of timers) run();
  endIo();
  expect(ended).toEqual(["short"]);
  cancel();
  endIo();
  expect([ended, timers.size]).toEqual([["short"], 0]);
});

it("[LC-14] [AU-5] a pause ends where the clock was set back", () => {
  const { at, pauses, endIo } = world();
  const ended: string[] = [];
  pauses.begin(() => ended.push("a"), 5);
  at.now = 0;
  endIo();
  expect(ended).toEqual(["a"]);
});

it("[LC-5] [BD-4] a pause that begins while others end is not ended with them, though the clock goes on meanwhile", () => {
  const { at, pauses, endIo } = world();
  let begun = 0;
  const again = () => {
    at.now++;
    begun++;
    if (begun < 100) pauses.begin(again, 5);
  };
  pauses.begin(again, 5);
  at.now += 5;
  endIo();
  expect(begun).toBe(1);
});
