import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { platformPorts } from "../../src/client/transport/platform.ts";
import { startTimer } from "../../src/platform/timer.ts";

const dayMs = 24 * 60 * 60 * 1_000;
const timers = {
  "of the server": startTimer,
  "of the client": (run: () => void, delayMs: number) => platformPorts.after(delayMs, run),
};
const delays = [1, 1_000, 24 * dayMs, 25 * dayMs, 100 * dayMs];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const cases = Object.entries(timers).flatMap(([name, start]) => delays.map((ms) => [name, ms, start] as const));
it.each(cases)("[BD-5] [CL-13] a timer %s of %j ms comes at its time, once", (_, ms, start) => {
  const run = vi.fn();
  start(run, ms);
  vi.advanceTimersByTime(ms - 1);
  expect(run).toHaveBeenCalledTimes(0);
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(200 * dayMs);
  expect(run).toHaveBeenCalledTimes(1);
});

it.each(Object.entries(timers))("[BD-5] [CL-13] a long timer %s is cancelled at any time", (_, start) => {
  const run = vi.fn();
  const cancel = start(run, 100 * dayMs);
  vi.advanceTimersByTime(60 * dayMs);
  cancel();
  expect(vi.getTimerCount()).toBe(0);
});
