import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type Draft, single, type Submission } from "../../src/core/index.ts";
import { defineModel } from "../../src/model/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestShell } from "../support/shell.ts";

const model = defineModel({
  name: "sums",
  version: 1,
  initialState: () => ({ events: 0, sums: {} as Record<string, number>, texts: [] as string[] }),
  events: {
    add: {
      payload: z.strictObject({ at: z.number() }),
      reduce(state, { payload: { at } }) {
        state.events++;
        state.sums[`k${at % 50}`] = (state.sums[`k${at % 50}`] ?? 0) + at;
      },
    },
    grow: {
      payload: z.strictObject({ text: z.string() }),
      reduce(state, { payload: { text } }) {
        state.events++;
        state.texts.push(text);
      },
    },
    shrink: {
      payload: z.strictObject({}),
      reduce(state) {
        state.events++;
        state.texts = [];
      },
    },
  },
});
const author = { principal: "ann", permissions: "all" as const };
const context = { traceId: "f".repeat(32) };
const add = (at: number): Draft => ({
  draftId: `d${at}`,
  event: { type: "add", payload: { at } },
  expectedEventId: undefined,
});
/** The state after the event `at`, as a log of `add` alone makes it. */
function expectedAt(at: number): unknown {
  const sums: Record<string, number> = {};
  for (let event = 1; event <= at; event++) sums[`k${event % 50}`] = (sums[`k${event % 50}`] ?? 0) + event;
  return { events: at, sums, texts: [] };
}

async function turning<T>(shell: TestShell, waited: Promise<T>): Promise<T> {
  const given: T[] = [];
  void waited.then((value) => given.push(value));
  for (let turns = 0; given.length === 0 && turns < 100_000; turns++) {
    await new Promise((resolve) => setImmediate(resolve));
    shell.elapse(0);
  }
  return given[0]!;
}

const batchEvents = 100;

/** A partition with a log of `events` events, and no snapshot. */
async function room(events: number): Promise<TestShell> {
  const shell = new TestShell({ model, driver: new NodeSqlDriver() });
  for (let from = 1; from <= events; from += batchEvents) {
    const drafts = Array.from({ length: Math.min(batchEvents, events - from + 1) }, (_, at) => add(from + at));
    const batch: Submission = { key: `b${from}`, mode: "sequential", drafts };
    await turning(shell, shell.submit(author, batch));
  }
  return shell;
}

interface Travelled {
  status: number;
  state?: unknown;
  eventIndex?: number;
  folded?: { eventIndex: number; of: number };
  code?: string;
}

async function ask(shell: TestShell, at: number, by = "ann"): Promise<Travelled> {
  const { status, body } = await turning(shell, shell.shell.travel(at, by, context));
  return { status, ...JSON.parse(body as string) };
}

/** Asks until the state is there. Returns it, and how often it was asked for. */
async function travel(shell: TestShell, at: number): Promise<{ asks: number; found: Travelled }> {
  for (let asks = 1; ; asks++) {
    const found = await ask(shell, at);
    if (found.status !== 202) return { asks, found };
    expect(found.folded).toMatchObject({ of: at });
  }
}

describe("the state after an event far from a snapshot", () => {
  it("[OB-4] [BD-1] is folded over several requests, each of a bounded part of the log, and is the fold of the log", async () => {
    const events = 2 * bounds.travelEventsMax + 1_000;
    const shell = await room(events);
    const at = events - 500;
    expect(await ask(shell, at)).toEqual({ status: 202, folded: { eventIndex: bounds.travelEventsMax, of: at } });
    expect(await ask(shell, at)).toEqual({ status: 202, folded: { eventIndex: 2 * bounds.travelEventsMax, of: at } });
    expect(await ask(shell, at)).toEqual({ status: 200, state: expectedAt(at), eventIndex: at });
    // Forward, and anywhere behind: from what is kept, in one request.
    for (const other of [at + 3, 17, bounds.travelEventsMax + 1, at - 1, 0, at]) {
      expect(await travel(shell, other)).toEqual({
        asks: 1,
        found: { status: 200, state: expectedAt(other), eventIndex: other },
      });
    }
  });

  it("[OB-4] begins with the nearest snapshot", async () => {
    const shell = await room(2_000);
    await turning(shell, shell.alarm());
    expect((await travel(shell, 1_990)).found).toMatchObject({ status: 200, state: expectedAt(1_990) });
    const shown = await shell.shell.inspect({ what: "overview" }, context);
    const [snapshot] = JSON.parse(shown.body).snapshots;
    expect(snapshot).toBeDefined();
    shell.driver.transaction(() =>
      shell.driver.script("DROP TRIGGER events_are_not_deleted; DELETE FROM events WHERE event_id = 3"),
    );
    const fresh = new TestShell({ model, driver: shell.driver });
    expect((await travel(fresh, snapshot.eventId)).found).toMatchObject({ status: 200, eventIndex: snapshot.eventId });
    expect((await travel(fresh, 10)).found).toMatchObject({ status: 503, code: "quarantined" });
  });

  it("[OB-4] [BD-3] what is kept goes away a minute after the last request, and with what is in memory", async () => {
    const events = bounds.travelEventsMax + 1_000;
    const shell = await room(events);
    expect((await travel(shell, events - 1)).asks).toBe(2);
    expect((await travel(shell, events - 1)).asks).toBe(1);
    shell.elapse(bounds.travelKeptMsMax);
    await shell.submit(author, single(add(events + 1)));
    expect((await travel(shell, events - 1)).asks).toBe(2);
  });

  it("[OB-4] is folded for one operator at a time; one who has gone away holds up nobody", async () => {
    const shell = await room(bounds.travelEventsMax + 2_000);
    const far = bounds.travelEventsMax + 1_000;
    expect((await ask(shell, far, "ann")).status).toBe(202);
    expect(await ask(shell, 5, "ben")).toMatchObject({ status: 503, code: "overloaded" });
    // Who has begun it may ask for another one, and then it is there and nobody waits.
    expect((await ask(shell, 5, "ann")).status).toBe(200);
    expect((await ask(shell, 6, "ben")).status).toBe(200);
    expect((await ask(shell, far, "ann")).status).toBe(200);
    shell.elapse(bounds.travelKeptMsMax);
    expect((await ask(shell, far, "ann")).status).toBe(202);
    shell.elapse(2_000);
    expect((await ask(shell, 5, "ben")).status).toBe(200);
  });

  it("[OB-4] [BD-3] is refused where it does not fit beside the present state", async () => {
    const shell = new TestShell({ model, driver: new NodeSqlDriver() });
    const send = async (key: string, type: string, payload: object) => {
      const { status } = await shell.submit(
        author,
        single({ draftId: key, event: { type, payload: payload as never }, expectedEventId: undefined }),
      );
      expect(status).toBe(201);
    };
    const text = "x".repeat(60_000);
    const size = 450;
    for (let at = 0; at < size; at++) await send(`a${at}`, "grow", { text });
    await send("empty", "shrink", {});
    for (let at = 0; at < size; at++) await send(`b${at}`, "grow", { text });
    const refused = (await travel(shell, size)).found;
    expect(refused).toMatchObject({ status: 422, code: "too_expensive" });
    expect((await travel(shell, 1)).found).toMatchObject({ status: 200, eventIndex: 1 });
  });

  it("[OB-4] is refused past the head, and is the present one at the head", async () => {
    const shell = await room(20);
    expect(await ask(shell, 21)).toMatchObject({ status: 409, code: "cursor_ahead" });
    expect(await ask(shell, 20)).toEqual({ status: 200, state: expectedAt(20), eventIndex: 20 });
  });
});
