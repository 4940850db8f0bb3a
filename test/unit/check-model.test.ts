import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod/mini";
import { expect, it, onTestFinished, vi } from "vitest";
import { checkModel } from "../../src/cli/check-model.ts";
import { linesOf } from "../../src/cli/commands/check-model.ts";
import { logIn, logOf, type ReadEvent } from "../../src/cli/read-log.ts";
import { type AnyModel, defineModel } from "../../src/model/index.ts";

/** A model that adds numbers. `version` 2 has another payload, to which the one before is upcast. */
function counter(
  version: number,
  { step = 1, upcast = (old: object): object => ({ ...old, note: "" }) } = {},
): AnyModel {
  const event = { payload: z.object({ n: z.number() }) };
  const newer = { payload: z.object({ n: z.number(), note: z.string() }), version: 2, upcast: { 1: upcast } };
  return defineModel({
    name: "counter",
    version,
    initialState: () => ({ sum: 0 }),
    events: {
      add: {
        ...(version === 1 ? event : newer),
        reduce: (state: { sum: number }, { payload }: { payload: { n: number } }) =>
          void (state.sum += payload.n * step),
      },
    },
  } as never) as AnyModel;
}

async function allOf(log: AsyncIterable<ReadEvent>): Promise<ReadEvent[]> {
  const events: ReadEvent[] = [];
  for await (const event of log) events.push(event);
  return events;
}

async function* logOfNumbers(...numbers: readonly number[]): AsyncGenerator<ReadEvent> {
  for (const [at, n] of numbers.entries())
    yield { eventId: at + 1, event: { type: "add", payload: { n }, timestamp: 1_000 + at, clientId: "a" } };
}

it("[LC-5] [MD-5] a model with the same version and the same state passes; one with another state does not", async () => {
  const before = counter(1);
  expect(await checkModel(logOfNumbers(1, 2, 3), counter(1), before)).toMatchObject({ events: 3, same: true });
  const other = counter(1, { step: 2 });
  const check = await checkModel(
    logOfNumbers(...Array.from({ length: 1_500 }, (_, at) => (at < 1_200 ? 0 : 1))),
    other,
    before,
  );
  expect(check).toMatchObject({ same: false, differsWithin: { from: 1_001, to: 1_500 } });
  expect(linesOf(check, other, before).join("\n")).toContain("from one of the events 1001 to 1500 on");
  expect(linesOf(check, other, before).join("\n")).toMatch(/a partition of 100,000 events needs about [\d.]+ s of CPU/);
});

it("[LC-5] [MD-5] says what is upcast, what does not fit, and what would be quarantined", async () => {
  const next = counter(2);
  const check = await checkModel(logOfNumbers(1, 2), next, counter(1));
  expect(check).toMatchObject({ events: 2, same: undefined, quarantined: undefined });
  expect([...check.upcast]).toEqual([["add 1→2", 2]]);
  const lines = linesOf(check, next, counter(1)).join("\n");
  expect(lines).toContain("version 1 before, 2 now");
  // Two events say nothing about a large log.
  expect(lines).toMatch(/folding took \d+ ms here: too few events/);

  const unfit = await checkModel(logOfNumbers(1, 2), counter(2, { upcast: () => ({ n: 1 }) }), undefined);
  expect(unfit.unfit.get("add")).toMatchObject({
    count: 2,
    examples: [expect.stringContaining("event 1: "), expect.any(String)],
  });

  const fails = (old: object) => {
    if ((old as { n: number }).n === 2) throw new Error("not this one");
    return { ...old, note: "" };
  };
  const broken = await checkModel(logOfNumbers(1, 2, 3), counter(2, { upcast: fails }), undefined);
  expect(broken.quarantined).toEqual({
    eventId: 2,
    type: "add",
    why: 'the reducer of "add" failed: not this one',
  });
  const other = defineModel({ name: "other", version: 1, initialState: () => ({}), events: {} } as never) as AnyModel;
  expect((await checkModel(logOfNumbers(1), other, undefined)).quarantined?.why).toBe(
    'the model has no event type "add"',
  );
});

it("[EC-4] a log is read from a file, and from a server page by page", async () => {
  const folder = mkdtempSync(join(tmpdir(), "partita-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "log.ndjson");
  const events = await allOf(logOfNumbers(1, 2, 3));
  writeFileSync(file, `${events.map((event) => JSON.stringify(event)).join("\n")}\n`);
  expect(await allOf(logIn(file))).toEqual(events);
  writeFileSync(file, '{"eventId":1}\n');
  await expect(allOf(logIn(file))).rejects.toThrow(/line 1 is not an event/);

  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: URL, { headers }: RequestInit) => {
    asked.push(`${url.pathname} ${url.searchParams.get("since")} ${JSON.stringify(headers)}`);
    const since = Number(url.searchParams.get("since"));
    return Response.json({
      events: events.slice(since, since + 2),
      hasMore: since + 2 < 3,
      nextSinceEventId: since + 2,
    });
  });
  onTestFinished(() => void vi.unstubAllGlobals());
  const source = { url: "http://127.0.0.1:1", partition: "p", token: "t" };
  expect(await allOf(logOf(source))).toEqual(events);
  const bearer = '{"authorization":"Bearer t"}';
  expect(asked).toEqual([`/v1/partitions/p/events 0 ${bearer}`, `/v1/partitions/p/events 2 ${bearer}`]);
});
