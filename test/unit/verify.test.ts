import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { complete, type Submission, single } from "../../src/core/index.ts";
import { digestSteps } from "../../src/core/verify/digest.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestShell } from "../support/shell.ts";

const author = { principal: "ann", permissions: "all" as const };
const event = (key: string, type: string, payload: object) => ({
  draftId: key,
  event: { type, payload: payload as never },
  expectedEventId: undefined,
});
const set = (key: string, target: string, value: object): Submission => single(event(key, "set", { target, value }));
const context = { traceId: "f".repeat(32) };

/** A partition with some events, one of them undone in a rejected batch, and a snapshot. */
async function room(events: number): Promise<TestShell> {
  const shell = new TestShell({ driver: new NodeSqlDriver() });
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

  it("[LC-6] is kept for a minute, because it costs as much as all events", async () => {
    const shell = await room(5);
    expect((await verify(shell)).eventId).toBe(5);
    await shell.submit(author, set("more", "t", {}));
    expect(await verify(shell)).toMatchObject({ eventId: 5, of: 6 });
    shell.elapse(60_000);
    expect(await verify(shell)).toMatchObject({ eventId: 6, of: 6 });
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
