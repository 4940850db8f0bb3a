import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type Draft, single, type Submission } from "../../src/core/index.ts";
import { defineModel } from "../../src/model/index.ts";
import { bounds, type JsonObject } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestShell } from "../support/shell.ts";

const model = defineModel({
  name: "sums",
  version: 1,
  initialState: () => ({
    events: 0,
    sums: {} as Record<string, number>,
    texts: [] as string[],
    lists: [] as object[][],
  }),
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
    // Takes much more memory than its text has bytes.
    list: {
      payload: z.strictObject({ length: z.number() }),
      reduce(state, { payload: { length } }) {
        state.events++;
        state.lists.push(Array.from({ length }, () => ({})));
      },
    },
    shrink: {
      payload: z.strictObject({}),
      reduce(state) {
        state.events++;
        state.texts = [];
        state.lists = [];
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
  return { events: at, sums, texts: [], lists: [] };
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
  await fill(shell, 1, events);
  return shell;
}

/** Adds the events from `first` to `last`. */
async function fill(shell: TestShell, first: number, last: number): Promise<void> {
  for (let from = first; from <= last; from += batchEvents) {
    const drafts = Array.from({ length: Math.min(batchEvents, last - from + 1) }, (_, at) => add(from + at));
    const batch: Submission = { key: `b${from}`, mode: "sequential", drafts };
    await turning(shell, shell.submit(author, batch));
  }
}

/** Writes a snapshot, and adds some events after it. Returns the event that it is of. */
async function snapshotOf(shell: TestShell): Promise<number> {
  await turning(shell, shell.alarm());
  const shown = await shell.shell.inspect({ what: "overview" }, context);
  const [{ eventId }] = JSON.parse(shown.body).snapshots;
  await fill(shell, eventId + 1, eventId + 10);
  return eventId;
}

const text = "x".repeat(60_000);

async function send(shell: TestShell, draftId: string, type: string, payload: JsonObject): Promise<void> {
  const { status } = await shell.submit(
    author,
    single({ draftId, event: { type, payload }, expectedEventId: undefined }),
  );
  expect(status).toBe(201);
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

  it("[OB-4] [BD-1] begins with a snapshot that is nearer than what the last request has left", async () => {
    const shell = await room(2_000);
    const eventId = await snapshotOf(shell);
    expect((await travel(shell, 5)).found).toMatchObject({ status: 200, eventIndex: 5 });
    // Who folded from there would come to a missing event.
    shell.driver.transaction(() =>
      shell.driver.script("DROP TRIGGER events_are_not_deleted; DELETE FROM events WHERE event_id = 7"),
    );
    expect((await travel(shell, eventId + 1)).found).toEqual({
      status: 200,
      state: expectedAt(eventId + 1),
      eventIndex: eventId + 1,
    });
  });

  it("[OB-4] [BD-1] goes on where the nearest snapshot is damaged", async () => {
    const shell = new TestShell({ model, driver: new NodeSqlDriver() });
    // So much memory that nothing is kept on the way.
    for (let at = 0; at < 5; at++) await send(shell, `l${at}`, "list", { length: 10_000 });
    await fill(shell, 1, bounds.travelEventsMax + 1_000);
    await turning(shell, shell.alarm());
    // A small state is one answer.
    await send(shell, "empty", "shrink", {});
    await fill(shell, bounds.travelEventsMax + 1_001, bounds.travelEventsMax + 1_010);
    shell.driver.transaction(() => shell.driver.script("UPDATE snapshot_chunks SET bytes = x'00'"));
    const at = bounds.travelEventsMax + 1_010;
    expect(await ask(shell, at)).toEqual({ status: 202, folded: { eventIndex: bounds.travelEventsMax, of: at } });
    expect(await ask(shell, at)).toMatchObject({ status: 200, eventIndex: at });
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

  it("[OB-4] [ER-5] is not kept open by a read of the storage that fails", async () => {
    let fails = false;
    class FailingDriver extends NodeSqlDriver {
      override query(sql: string, ...values: Parameters<NodeSqlDriver["query"]>[1][]) {
        if (fails && sql.startsWith("SELECT timestamp, incarnation")) throw new Error("disk I/O error");
        return super.query(sql, ...values);
      }
    }
    const shell = new TestShell({ model, driver: new FailingDriver() });
    await fill(shell, 1, 10);
    fails = true;
    expect((await ask(shell, 5)).status).toBe(503);
    fails = false;
    expect(await ask(shell, 5)).toMatchObject({ status: 200, eventIndex: 5 });
  });

  it("[OB-4] [BD-3] is refused where it does not fit beside the present state", async () => {
    const shell = new TestShell({ model, driver: new NodeSqlDriver() });
    const size = 450;
    for (let at = 0; at < size; at++) await send(shell, `a${at}`, "grow", { text });
    await send(shell, "empty", "shrink", {});
    for (let at = 0; at < size; at++) await send(shell, `b${at}`, "grow", { text });
    const refused = (await travel(shell, size)).found;
    expect(refused).toMatchObject({ status: 422, code: "too_expensive" });
    expect((await travel(shell, 1)).found).toMatchObject({ status: 200, eventIndex: 1 });
  });

  it("[OB-4] [BD-3] what is only kept gives way: to the state that is folded, and to what others ask for", async () => {
    const shell = new TestShell({ model, driver: new NodeSqlDriver() });
    const size = 410;
    for (let at = 0; at < size; at++) await send(shell, `a${at}`, "grow", { text });
    await send(shell, "empty", "shrink", {});
    for (let at = 0; at < size - 140; at++) await send(shell, `b${at}`, "grow", { text });
    // It is on its way, and takes so much that the text of the present state does not fit beside it.
    expect((await ask(shell, size)).status).toBe(202);
    expect((await ask(shell, size)).status).toBe(202);
    expect((await ask(shell, size)).status).toBe(202);
    const client = await shell.open();
    client.send("connect", { clientId: "c", version: "1", initialState: true });
    shell.elapse(0);
    expect(client.messages.map(({ type, payload }) => payload.code ?? type)).toEqual(["connected"]);
    for (let at = size - 140; at < size; at++) await send(shell, `b${at}`, "grow", { text });
    // Beside the present state there is room for the one before this, but not for the text of an earlier one, too.
    expect((await travel(shell, size + 1)).found).toMatchObject({ status: 200, eventIndex: size + 1 });
  });

  it("[OB-4] is refused past the head, and is the present one at the head", async () => {
    const shell = await room(20);
    expect(await ask(shell, 21)).toMatchObject({ status: 409, code: "cursor_ahead" });
    expect(await ask(shell, 20)).toEqual({ status: 200, state: expectedAt(20), eventIndex: 20 });
  });
});
