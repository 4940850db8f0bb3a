import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Notifier } from "../../src/tenant/notifier.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** How long a call to an ordinary partition takes. */
const callMs = 5;
const numbered = (count: number) => Array.from({ length: count }, (_, at) => `room-${at}`);

/**
 * A tenant with partitions that do not have its last change. As production may, it makes `outgoingMax` calls at a time,
 * and the others wait.
 */
function tenant(names: readonly string[], { outgoingMax = Infinity } = {}) {
  let seq = 1;
  const received = new Map(names.map((name) => [name, 0]));
  /** What the partitions do, if it is not the usual. */
  const doing = new Map<string, "hang" | "fail">();
  const failed: string[] = [];
  const state = { running: 0, mostRunning: 0, calls: [] as string[] };
  const waiting: (() => void)[] = [];
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const call = async (name: string) => {
    if (state.running >= outgoingMax) await new Promise<void>((resolve) => waiting.push(resolve));
    state.mostRunning = Math.max(state.mostRunning, ++state.running);
    state.calls.push(name);
    try {
      // A call that hangs ends at some time, as the platform ends it.
      await sleep(doing.get(name) === "hang" ? 30_000 : callMs);
      if (doing.has(name)) throw new Error("it failed");
    } finally {
      state.running--;
      waiting.shift()?.();
    }
  };
  const behind = () => [...received].filter(([, known]) => known < seq).map(([name]) => name);
  const notifier = new Notifier({
    behind: (limit) => behind().slice(0, limit),
    async notify(name) {
      const sent = seq;
      await call(name);
      received.set(name, sent);
    },
    failed: (name) => failed.push(name),
    timer(run, delayMs) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  });
  /** A change; returns how long it took until all but `except` had it, and what `notifyAll` returned. */
  const change = async (except: readonly string[] = []) => {
    seq++;
    const from = Date.now();
    const excepted = new Set(except);
    const seen: { told?: number; endedMs?: number; spreadMs?: number } = {};
    void notifier.notifyAll().then((told) => Object.assign(seen, { told, endedMs: Date.now() - from }));
    for (let ms = 0; ms <= 6_000; ms++) {
      if (seen.spreadMs === undefined && behind().every((name) => excepted.has(name)))
        seen.spreadMs = Date.now() - from;
      await vi.advanceTimersByTimeAsync(1);
    }
    return seen;
  };
  return { notifier, change, doing, failed, state, behind };
}

describe("the notification of partitions", () => {
  it("[AU-4] reaches 1,000 partitions within a second, a bounded number at a time", async () => {
    const { change, state } = tenant(numbered(1_000));
    const { told, spreadMs } = await change();
    expect(told).toBe(1_000);
    expect(spreadMs).toBeLessThan(1_000);
    expect(state.mostRunning).toBe(50);
  });

  it("[AU-4] reaches them also where the platform makes six calls at a time", async () => {
    const { change, state } = tenant(numbered(1_000), { outgoingMax: 6 });
    const { told, spreadMs } = await change();
    expect(told).toBe(1_000);
    expect(spreadMs).toBeLessThan(1_000);
    expect(state.mostRunning).toBe(6);
  });

  it.each(["hang", "fail"] as const)("[AU-4] is not delayed by partitions that %s", async (what) => {
    const names = numbered(500);
    const { change, doing, failed, behind } = tenant(names);
    const bad = names.slice(0, 20);
    for (const name of bad) doing.set(name, what);
    const { told, spreadMs, endedMs } = await change(bad);
    expect(told).toBe(480);
    expect(spreadMs).toBeLessThan(1_000);
    expect(endedMs).toBeLessThanOrEqual(5_001);
    // The next change comes while those that hang are still called.
    expect((await change(bad)).spreadMs).toBeLessThan(1_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(new Set(failed)).toEqual(new Set(bad));
    doing.clear();
    const last = await change();
    expect(behind()).toEqual([]);
    expect(last.told).toBe(500);
  });

  it("[AU-4] comes to those last that failed before, and their number does not keep it from the others", async () => {
    const names = numbered(2_000);
    const { change, doing, state, behind, notifier } = tenant(names);
    const bad = names.slice(0, 1_000);
    for (const name of bad) doing.set(name, "fail");
    expect((await change(names)).told).toBe(0);
    expect(notifier.failing).toBe(1_000);
    state.calls.length = 0;
    expect((await change(bad)).told).toBe(1_000);
    expect(state.calls.slice(0, 1_000)).toEqual(names.slice(1_000));
    expect(behind()).toEqual(bad);
  });

  it("[AU-4] a change during a notification is sent after it, to each partition once", async () => {
    const { change, state, behind } = tenant(["room"]);
    const changes = [change(), change(), change()];
    await Promise.all(changes);
    expect(behind()).toEqual([]);
    expect(state.calls.length).toBeLessThanOrEqual(2);
  });
});
