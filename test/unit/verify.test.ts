import * as fc from "fast-check";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { complete, Refusal, type Submission, single, type Verified } from "../../src/core/index.ts";
import { digestSteps } from "../../src/core/verify/digest.ts";
import type { StateView } from "../../src/model/state-view.ts";
import { WeighedState } from "../../src/model/weighed-state.ts";
import type { MetricsReport } from "../../src/platform/metrics-api.ts";
import { bounds } from "../../src/protocol/index.ts";
import type { MetricsPorts } from "../../src/shell/ports.ts";
import { Verification } from "../../src/shell/verification.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestPartition } from "../support/partition.ts";
import { TestShell } from "../support/shell.ts";
import { testTurns } from "../support/turns.ts";

const author = { principal: "ann", permissions: "all" as const };
const event = (key: string, type: string, payload: object) => ({
  draftId: key,
  event: { type, payload: payload as never },
  expectedEventId: undefined,
});
const set = (key: string, target: string, value: object): Submission => single(event(key, "set", { target, value }));
const context = { traceId: "f".repeat(32) };

/** A partition with some events, one of them undone in a rejected batch, and a snapshot. */
async function room(events: number, report?: MetricsPorts["report"]): Promise<TestShell> {
  const shell = new TestShell({ driver: new NodeSqlDriver(), ...(report && { report }) });
  for (let at = 0; at < events; at++) await shell.submit(author, set(`k-${at}`, `t-${at % 7}`, { at, text: 'é"\\\n' }));
  const rejected: Submission = {
    key: "batch",
    mode: "atomic",
    drafts: [event("b-1", "unset", { target: "t-1" }), event("b-2", "nothing", {})],
  };
  await shell.submit(author, rejected);
  return shell;
}

/** Waits for what is done in turns. */
async function turning<T>(shell: TestShell, waited: Promise<T>): Promise<T> {
  const given: T[] = [];
  void waited.then((value) => given.push(value));
  for (let turns = 0; given.length === 0 && turns < 10_000; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    shell.elapse(0);
  }
  return given[0]!;
}

// The answer as a client parses it
const verify = async (shell: TestShell): Promise<any> =>
  JSON.parse((await turning(shell, shell.shell.verify(context))).body).verified;

function tamper({ driver }: TestShell, ...statements: readonly string[]): void {
  driver.transaction(() => statements.forEach((sql) => driver.script(sql)));
}

describe("a verification", () => {
  it("[LC-6] finds nothing in a sound partition, whatever was undone in it", async () => {
    const shell = await room(1_200);
    await turning(shell, shell.alarm());
    expect(await verify(shell)).toEqual({
      eventId: 1_200,
      of: 1_200,
      done: true,
      compared: ["snapshot", "effects", "state"],
      findings: [],
    });
  });

  it("[LC-6] names an event that is missing, and one that is damaged", async () => {
    const shell = await room(20);
    tamper(shell, "DROP TRIGGER events_are_not_deleted", "DELETE FROM events WHERE event_id = 7");
    expect((await verify(shell)).findings).toEqual([{ eventId: 7, detail: "its row is missing" }]);
  });

  it("[LC-6] finds a snapshot and a state that are not the fold of the log", async () => {
    const shell = await room(1_200);
    await turning(shell, shell.alarm());
    tamper(
      shell,
      "DROP TRIGGER events_are_not_changed",
      `UPDATE events SET payload = CAST('{"target":"other","value":{}}' AS BLOB) WHERE event_id = 500`,
    );
    const { findings } = await verify(shell);
    expect(findings).toEqual([
      { eventId: expect.any(Number), detail: "The snapshot is not the fold of the log up to its event." },
      { eventId: 1_200, detail: "The state in memory is not the fold of the log." },
    ]);
    expect(shell.logged.filter(({ message }) => message === "what is stored does not agree with the log")).toHaveLength(
      findings.length,
    );
  });

  it("[LC-6] [BD-3] keeps nothing of the present state where nobody goes on with it", () => {
    const room = new TestPartition();
    const connection = room.open();
    connection.connect("c");
    connection.submit("d-1", "set", { target: "t", value: "old" });
    const opened = vi.spyOn(WeighedState.prototype, "view");
    const steps = room.partition.verify({ eventId: 0, compared: [], findings: [] }, () => room.now);
    while (opened.mock.results.length < 2) expect(steps.next().done).toBe(false);
    steps.return();
    connection.submit("d-2", "set", { target: "t", value: "new" });
    expect(opened.mock.results.map(({ value }) => (value as StateView).savedBytes)).toEqual([0, 0]);
    opened.mockRestore();
  });

  it("[LC-6] compares the state again where too much of it has changed meanwhile, a few times, and folds no event twice", () => {
    const room = new TestPartition();
    const connection = room.open();
    connection.connect("c");
    const opened = vi.spyOn(WeighedState.prototype, "view");
    onTestFinished(() => opened.mockRestore());
    const verifyLosing = (losses: number) => {
      opened.mockClear();
      const verified: Verified = { eventId: 0, compared: [], findings: [] };
      const steps = room.partition.verify(verified, () => room.now);
      let lost = 0;
      for (let step = steps.next(); !step.done; step = steps.next()) {
        const present = opened.mock.results.filter((_, at) => at % 2 === 1);
        if (lost === losses || present.length === lost) continue;
        (present[lost++]!.value as StateView).lose();
        connection.submit(`d-${room.partition.head}`, "set", { target: "t", value: lost });
      }
      return { ...verified, lost };
    };
    const compared = ["effects", "state"];
    expect(verifyLosing(0)).toEqual({ eventId: 0, compared, findings: [], lost: 0 });
    expect(verifyLosing(3)).toEqual({ eventId: 3, compared, findings: [], lost: 3 });
    const refused = expect.objectContaining({ failure: expect.objectContaining({ code: "overloaded" }) });
    expect(() => verifyLosing(Number.POSITIVE_INFINITY)).toThrow(refused as never);
    expect(opened.mock.results).toHaveLength(2 * 5);
  });

  it("[LC-6] is kept for a minute, because it costs as much as all events", async () => {
    const shell = await room(5);
    expect((await verify(shell)).eventId).toBe(5);
    await shell.submit(author, set("more", "t", {}));
    expect(await verify(shell)).toMatchObject({ eventId: 5, of: 6 });
    shell.elapse(60_000);
    expect(await verify(shell)).toMatchObject({ eventId: 6, of: 6 });
  });
});

describe("the verification that nobody asks for", () => {
  const due = (shell: TestShell) =>
    shell.shell
      .inspect({ what: "overview" }, context)
      .then(({ body }) => JSON.parse(body) as { jobs: { kind: string; dueAt: number }[]; verified?: object })
      .then(({ jobs, verified }) => ({ at: jobs.find(({ kind }) => kind === "verify")?.dueAt, verified }));
  const logged = (shell: TestShell, message: string) => shell.logged.filter((line) => line.message === message);

  it("[LC-6] is due a week after a snapshot, does its work, and waits for the next snapshot", async () => {
    const reports: MetricsReport[] = [];
    const shell = await room(1_200, async (report) => void reports.push(report));
    expect((await due(shell)).at).toBeUndefined();
    await turning(shell, shell.alarm());
    expect(await due(shell)).toEqual({ at: shell.now + bounds.verifyPeriodMs, verified: undefined });
    shell.elapse(bounds.verifyPeriodMs);
    await turning(shell, shell.alarm());
    expect(await due(shell)).toEqual({
      at: undefined,
      verified: { at: shell.now, eventId: 1_200, compared: ["snapshot", "effects", "state"], findings: [] },
    });
    expect(logged(shell, "the log was verified")).toHaveLength(1);
    expect(reports.at(-1)).toMatchObject({
      counts: { verifications: 1 },
      log: { verified: { at: shell.now, findings: 0 } },
    });
    shell.elapse(10 * bounds.verifyPeriodMs);
    await turning(shell, shell.alarm());
    expect(logged(shell, "the log was verified")).toHaveLength(1);
  });

  it("[LC-6] names damage, and the directory of the tenant learns of it", async () => {
    const reports: MetricsReport[] = [];
    const shell = await room(1_200, async (report) => void reports.push(report));
    await turning(shell, shell.alarm());
    tamper(
      shell,
      "DROP TRIGGER events_are_not_changed",
      `UPDATE events SET payload = CAST('{"target":"other","value":{}}' AS BLOB) WHERE event_id = 500`,
    );
    shell.elapse(bounds.verifyPeriodMs);
    await turning(shell, shell.alarm());
    expect((await due(shell)).verified).toMatchObject({ findings: [{}, {}] });
    expect(logged(shell, "what is stored does not agree with the log")).toHaveLength(2);
    expect(reports.at(-1)).toMatchObject({ counts: { findings: 2 }, log: { verified: { findings: 2 } } });
  });

  it("[LC-6] [BD-1] is done in parts: an alarm does a bounded part, and the next one goes on", async () => {
    const steps = 10;
    const at: (number | undefined)[] = [];
    let begun = 0;
    const partition = {
      name: { tenant: "t", partition: "room" },
      headAt: () => steps,
      scheduleVerification: (due: number | undefined) => void at.push(due),
      *verify(verified: Verified) {
        begun++;
        for (let step = 1; step <= steps; step++) {
          verified.eventId = step;
          yield 100;
        }
      },
    };
    const logs: string[] = [];
    const verification = new Verification({
      partition,
      turns: testTurns((next) => void setImmediate(next)),
      log: (event) => void logs.push(event),
      measure: () => {},
      now: () => 5,
      timer: () => () => {},
    });
    await verification.runDue(400);
    expect([at, verification.last]).toEqual([[5], undefined]);
    await verification.runDue(400);
    await verification.runDue(400);
    expect([at, begun]).toEqual([[5, 5, undefined], 1]);
    expect(verification.last).toMatchObject({ at: 5, eventId: steps, findings: [] });
    expect(logs).toEqual(["verified"]);
  });

  it("[LC-6] is put off for a week where there is no memory for it, and let go where nobody goes on with it", async () => {
    let now = 5;
    let begun = 0;
    let ended = 0;
    const at: (number | undefined)[] = [];
    const logs: string[] = [];
    const host = {
      turns: testTurns((next) => void setImmediate(next)),
      log: (event: string) => void logs.push(event),
      measure: () => {},
      now: () => now,
      timer: () => () => {},
    };
    const partition = {
      name: { tenant: "t", partition: "room" },
      headAt: () => 9,
      scheduleVerification: (due: number | undefined) => void at.push(due),
      *verify() {
        if (++begun === 2) throw new Refusal({ code: "too_expensive", detail: "no room" });
        try {
          yield 100;
          yield 100;
        } finally {
          ended++;
        }
      },
    };
    const verification = new Verification({ ...host, partition });
    await verification.runDue(100);
    now += 60_000;
    verification.rest(now);
    expect(ended).toBe(1);
    await verification.runDue(100);
    expect([begun, at, logs]).toEqual([2, [5, now + bounds.verifyPeriodMs], ["not_verified"]]);
  });
});

describe("a verification that somebody waits for", () => {
  it("[LC-6] goes on, however long it waits for its turn", async () => {
    let now = 5;
    const waiting: (() => void)[] = [];
    const at: (number | undefined)[] = [];
    const verification = new Verification({
      turns: testTurns((next) => void waiting.push(next)),
      log: () => {},
      measure: () => {},
      now: () => now,
      timer: () => () => {},
      partition: {
        name: { tenant: "t", partition: "room" },
        headAt: () => 3,
        scheduleVerification: (due: number | undefined) => void at.push(due),
        *verify(verified: Verified) {
          for (; verified.eventId < 3; verified.eventId++) yield 100;
        },
      },
    });
    const ended = verification.runDue();
    for (let turns = 0; at.length === 0 && turns < 10; turns++) {
      now += 60_000;
      verification.rest(now);
      waiting.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    expect([at, verification.last]).toMatchObject([[undefined], { eventId: 3 }]);
  });
});

describe("the digest of a state", () => {
  const digestOf = (pieces: Iterable<string>) => complete(digestSteps(pieces));
  const states = fc.dictionary(fc.string({ maxLength: 2 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 3 });
  const shuffled = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(shuffled);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .toReversed()
        .map(([key, inside]) => [key, shuffled(inside)]),
    );
  };

  it("[LC-6] is the same for equal states, however their keys are ordered and their text is cut", () => {
    fc.assert(
      fc.property(fc.object(), fc.nat(40), (given, units) => {
        const text = JSON.stringify(given);
        const pieces = text.match(new RegExp(`[^]{1,${units + 1}}`, "g"))!;
        expect(digestOf(pieces)).toBe(digestOf([JSON.stringify(shuffled(JSON.parse(text)))]));
      }),
      { seed: 20, numRuns: 500 },
    );
  });

  it.each([
    ['{"a":1}', '{"a":"1"}'],
    ['{"a":1,"b":2}', '{"a":2,"b":1}'],
    ['{"a":{}}', '{"a":[]}'],
    ['{"a":{"b":1}}', '{"a":1,"b":1}'],
    ["[1,2]", "[2,1]"],
    ["[[1],[2]]", "[[1,2],[]]"],
    ["[null]", "[]"],
    ['{"a":null}', "{}"],
    ['{"a":"x\\"y"}', '{"a":"xy"}'],
  ])("[LC-6] is another one for %s and %s", (one, other) => {
    expect(digestOf([one])).not.toBe(digestOf([other]));
  });

  it("[LC-6] is another one for any other state", () => {
    fc.assert(
      fc.property(states, states, (one, other) => {
        const canonical = (value: unknown) => JSON.stringify(value, (_, inside) => sortedKeys(inside));
        if (canonical(one) === canonical(other)) return;
        expect(digestOf([JSON.stringify(one)])).not.toBe(digestOf([JSON.stringify(other)]));
      }),
      { seed: 21, numRuns: 500 },
    );
  });
});

function sortedKeys(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
