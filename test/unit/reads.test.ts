import { describe, expect, it } from "vitest";
import { complete, Refusal, type Steps } from "../../src/core/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { Reads } from "../../src/shell/reads.ts";
import { TestPartition } from "../support/partition.ts";
import { testTurns } from "../support/turns.ts";

/** Reads whose turns the test fires. */
function world() {
  const waiting: (() => void)[] = [];
  const turns = testTurns((next) => void waiting.push(next));
  const reads = new Reads(turns);
  const done: string[] = [];
  const failed: string[] = [];
  /** A read in `steps` steps. Each takes a whole turn. */
  const ask = (principal: string, name: string, steps = 2) => {
    const read = function* (): Steps<string> {
      for (let at = 0; at < steps; at++) yield bounds.turnWorkMax;
      done.push(name);
      return name;
    };
    reads
      .run(principal, read)
      .catch((error: Error) => failed.push(error instanceof Refusal ? error.failure.code : error.message));
  };
  const fire = () => waiting.shift()!();
  return { turns, reads, waiting, done, failed, ask, fire };
}

describe("reads over HTTP", () => {
  it("[BD-1] [WP-10] a small one is answered at once; a large one a step a turn, one after the other", () => {
    const { ask, done, waiting, fire } = world();
    ask("a", "small", 0);
    expect([done, waiting.length]).toEqual([["small"], 0]);
    ask("a", "large");
    ask("b", "next", 0);
    expect(done).toEqual(["small"]);
    const turns: string[][] = [];
    while (waiting.length > 0) {
      expect(waiting).toHaveLength(1);
      fire();
      turns.push(done.splice(0));
    }
    expect(turns).toEqual([["small"], ["large", "next"]]);
  });

  it("[BD-5] [AU-6] principals have turns of one read each", () => {
    const { ask, done, waiting, fire } = world();
    for (let at = 1; at <= 3; at++) ask("flood", `f${at}`, 1);
    ask("other", "o1", 1);
    while (waiting.length > 0) fire();
    expect(done).toEqual(["f1", "f2", "o1", "f3"]);
  });

  it("[LC-10] [BD-2] a bounded number waits, and one that fails does not hold up the others", async () => {
    const { reads, ask, done, failed, waiting, fire } = world();
    const broken = reads.run("a", function* (): Steps<never> {
      yield bounds.turnWorkMax;
      throw new Error("broken");
    });
    for (let at = 0; at <= bounds.readsWaitingMax; at++) ask("a", `r${at}`, 0);
    while (waiting.length > 0) fire();
    await expect(broken).rejects.toThrow("broken");
    await Promise.resolve();
    expect(done).toHaveLength(bounds.readsWaitingMax);
    expect(failed).toEqual(["overloaded"]);
  });
});

describe("a flood of reads", () => {
  it("[AU-6] [LC-10] does not take the place of another principal's: where too many wait, who has most gives up the last", async () => {
    const { ask, done, failed, waiting, fire } = world();
    ask("flood", "running", 1);
    for (let at = 1; at <= bounds.readsWaitingMax; at++) ask("flood", `f${at}`, 0);
    ask("other", "o1", 0);
    ask("other", "o2", 0);
    ask("flood", "late", 0);
    await Promise.resolve();
    expect(failed).toEqual(["overloaded", "overloaded", "overloaded"]);
    while (waiting.length > 0) fire();
    expect(done.slice(0, 5)).toEqual(["running", "f1", "o1", "f2", "o2"]);
    expect(done).toHaveLength(bounds.readsWaitingMax + 1);
    expect(done).not.toContain(`f${bounds.readsWaitingMax}`);
    expect(done).not.toContain("late");
  });

  it("[AU-6] [BD-2] is shared by many: with as many as there is room for, each of one, a further one is refused", async () => {
    const { ask, done, failed, waiting, fire } = world();
    ask("p0", "running", 1);
    for (let at = 1; at <= bounds.readsWaitingMax + 1; at++) ask(`p${at}`, `r${at}`, 0);
    await Promise.resolve();
    expect(failed).toEqual(["overloaded"]);
    while (waiting.length > 0) fire();
    expect(done).toHaveLength(bounds.readsWaitingMax + 1);
  });
});

describe("what is read in steps", () => {
  it("[BD-1] [TX-9] a page is of one moment, and each step is short, however large the page", () => {
    const room = new TestPartition();
    const a = room.client("a");
    const submit = (at: number) => a.submit(`d${at}`, "set", { target: "n", value: "x".repeat(20_000) });
    for (let at = 1; at <= 40; at++) submit(at);
    const whole = room.partition.events(0, 1_000, room.now);
    const steps = room.partition.eventsInSteps(0, 1_000, room.now);
    const costs: number[] = [];
    let step = steps.next();
    for (let at = 100; !step.done; step = steps.next()) {
      costs.push(step.value);
      submit(at++);
    }
    expect(step.value).toEqual(whole);
    expect(costs.length).toBeGreaterThan(5);
    expect(Math.max(...costs)).toBeLessThanOrEqual(bounds.turnWorkMax);
  });

  it("[BD-1] [TX-9] a past state is replayed in short steps, and is the same when events follow meanwhile", () => {
    const room = new TestPartition();
    const a = room.client("a");
    for (let at = 1; at <= 600; at++) a.submit(`d${at}`, "set", { target: `n${at % 7}`, value: at });
    const expected = [...complete(room.partition.stateAt(590, room.now)).state].join("");
    const steps = room.partition.stateAt(590, room.now);
    let count = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) {
      expect(step.value).toBeLessThanOrEqual(bounds.turnWorkMax);
      a.submit(`m${count++}`, "set", { target: "n1", value: "later" });
    }
    expect(count).toBeGreaterThan(2);
    expect([...step.value.state].join("")).toBe(expected);
  });
});
