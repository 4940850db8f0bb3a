import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { startTimer } from "../../src/platform/timer.ts";

const dayMs = 24 * 60 * 60 * 1_000;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it.each([1, 1_000, 24 * dayMs, 25 * dayMs, 100 * dayMs])("[BD-5] a timer of %j ms comes at its time, once", (ms) => {
  const run = vi.fn();
  startTimer(run, ms);
  vi.advanceTimersByTime(ms - 1);
  expect(run).toHaveBeenCalledTimes(0);
  vi.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(200 * dayMs);
  expect(run).toHaveBeenCalledTimes(1);
});

it("[BD-5] a long timer is cancelled at any time", () => {
  const run = vi.fn();
  const cancel = startTimer(run, 100 * dayMs);
  vi.advanceTimersByTime(60 * dayMs);
  cancel();
  expect(vi.getTimerCount()).toBe(0);
});
