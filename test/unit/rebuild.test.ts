import { describe, expect, it } from "vitest";
import type { Folding, Submission } from "../../src/core/index.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { type Author, bounds, type Json } from "../../src/protocol/index.ts";
import type { SqlDriver } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestShell, turn } from "../support/shell.ts";

const alice: Author = { principal: "alice", permissions: "all" };
const context = { traceId: "f".repeat(32) };
const set = (at: number, value: Json = at): Submission => {
  const draftId = `d${at}`;
  const event = { type: "set", payload: { target: `n${at % 7}`, value } };
  return { key: draftId, mode: "single", drafts: [{ draftId, event, expectedEventId: undefined }] };
};
const eventsTotal = 300;
const slice = (events: number) => ({ events, bytes: 1_000_000, work: 1_000_000 });
const folding: Folding = { load: slice(50), turn: slice(20), slicesMax: 3 };

/** The model in a version of its own, that notes how many events are folded in each turn, and throws on a value. */
function modelOf(version: number, turns: number[] = []): AnyModel {
  return {
    ...(insieme as AnyModel),
    version,
    eventType(type: string) {
      const definition = (insieme as AnyModel).eventType(type);
      if (!definition) return definition;
      return {
        ...definition,
        reduce(state: never, event: { payload: { value?: unknown } }, reduceContext: never) {
          if (turns.length > 0) turns[turns.length - 1]!++;
          if (event.payload.value === `poison of ${version}`) throw new Error("no");
          definition.reduce(state, event as never, reduceContext);
        },
      };
    },
  } as unknown as AnyModel;
}

/** A partition with `eventsTotal` events and the driver of its storage. `values`: of some events. */
async function written(values: Readonly<Record<number, Json>> = {}): Promise<SqlDriver> {
  const room = new TestShell({ model: modelOf(1) });
  for (let at = 1; at <= eventsTotal; at++) await room.submit(alice, set(at, values[at] ?? at));
  return room.driver;
}

/** The next lifetime of the object, and how many events it folds in each turn. */
function reopened(driver: SqlDriver, { version = 2, how = folding } = {}) {
  const turns = [0];
  const room = new TestShell({ driver, model: modelOf(version, turns), folding: how });
  return { room, turns };
}

/** The alarm comes, and each timer is a turn. */
async function alarm({ room, turns }: ReturnType<typeof reopened>): Promise<void> {
  turns.push(0);
  const running = room.alarm().then(() => true);
  const next = async () => {
    turns.push(0);
    room.elapse(0);
    await turn();
    return false;
  };
  while (!(await Promise.race([running, next()])));
}

async function rebuilt(opened: ReturnType<typeof reopened>): Promise<void> {
  for (let alarms = 0; (await state(opened.room)).code === "rebuilding"; alarms++) {
    expect(alarms).toBeLessThan(100);
    expect(opened.room.armedAt).toBeLessThanOrEqual(opened.room.now);
    await alarm(opened);
  }
}

const state = async (room: TestShell) => JSON.parse((await room.shell.readState(undefined, context)).body as string);
const folded = (turns: readonly number[]) => turns.reduce((sum, count) => sum + count, 0);
const snapshots = (driver: SqlDriver) =>
  driver.query("SELECT event_id, model_version FROM snapshots ORDER BY event_id");
const expectedState = Object.fromEntries(
  Array.from({ length: 7 }, (_, at) => at).map((at) => [`n${at}`, eventsTotal - ((eventsTotal - at) % 7)]),
);

describe("a log that is too long to be folded at once", () => {
  it("[TX-17] [LC-5] [MD-5] is folded in bounded turns; meanwhile the log is readable, and what needs the state is refused", async () => {
    const opened = reopened(await written());
    const { room, turns } = opened;
    const refused = { code: "rebuilding", status: 503, retryable: true, retryAfter: 1 };
    expect(folded(turns)).toBe(0);
    expect(await state(room)).toMatchObject({ ...refused, rebuilding: { eventId: 0, of: eventsTotal } });
    await alarm(opened);
    expect(await state(room)).toMatchObject({ ...refused, rebuilding: { eventId: 60, of: eventsTotal } });

    const refusedDraft = await room.submit(alice, set(eventsTotal + 1));
    expect([refusedDraft.status, refusedDraft.headers["retry-after"], JSON.parse(refusedDraft.body).code]).toEqual([
      503,
      "1",
      "rebuilding",
    ]);
    const again = await room.submit(alice, set(7));
    expect([again.status, JSON.parse(again.body).eventId]).toEqual([201, 7]);
    expect(JSON.parse((await room.shell.readEvents(0, 10, context)).body).events).toHaveLength(10);
    expect((await room.shell.readUsage(context)).status).toBe(200);
    expect((await room.shell.ready(context)).status).toBe(200);
    turns.push(0);
    expect((await room.shell.readState(5, context)).status).toBe(200);
    expect(JSON.parse((await room.shell.readState(eventsTotal, context)).body as string).code).toBe("rebuilding");

    const fetching = await room.open();
    fetching.send("connect", { clientId: "fetching", version: "1", initialState: true });
    expect(fetching.messages).toMatchObject([{ type: "error", payload: refused }]);
    const following = await room.open();
    following.send("connect", { clientId: "following", version: "1", sinceEventId: eventsTotal - 2 });
    following.send("hash", {});
    following.send("submit_event", { ...set(eventsTotal + 2).drafts[0] });
    following.send("submit_event", { ...set(eventsTotal + 1).drafts[0] });
    room.elapse(0);
    expect(following.messages).toMatchObject([
      { type: "connected", payload: { currentEventIndex: eventsTotal } },
      { type: "sync_response" },
      { type: "error", payload: refused },
      { type: "error", payload: { ...refused, draftId: `d${eventsTotal + 2}` } },
      // Held back, because the other one comes again first.
      { type: "error", payload: { ...refused, draftId: `d${eventsTotal + 1}` } },
    ]);
    expect(following.ended).toEqual([]);

    await rebuilt(opened);
    expect(await state(room)).toEqual({ state: expectedState, eventIndex: eventsTotal });
    expect(folded(turns)).toBe(eventsTotal + 5);
    expect(Math.max(...turns)).toBeLessThanOrEqual(folding.turn.events);
    expect((await room.submit(alice, set(eventsTotal + 1))).status).toBe(201);
  });

  it("[TX-17] [LC-1] [LC-5] goes on after a kill from the last state that was stored, and folds nothing of it again", async () => {
    const driver = await written();
    const first = reopened(driver);
    await alarm(first);
    await alarm(first);
    expect(snapshots(driver)).toEqual([{ event_id: 120, model_version: 2 }]);
    const second = reopened(driver);
    expect(await state(second.room)).toMatchObject({ rebuilding: { eventId: 120, of: eventsTotal } });
    await rebuilt(second);
    expect(folded(second.turns)).toBe(eventsTotal - 120);
    expect(await state(second.room)).toMatchObject({ state: expectedState });
    // The last state is stored, too.
    const third = reopened(driver);
    expect(await state(third.room)).toMatchObject({ state: expectedState });
    expect(folded(third.turns)).toBe(0);
  });

  it("[LC-5] [LC-10] lets what arrives have its turn between two slices, and between two chunks of the snapshot", async () => {
    const driver = await written();
    const turns = [0];
    const room = new TestShell({
      driver,
      model: modelOf(2, turns),
      folding: { load: slice(50), turn: slice(20), slicesMax: 1_000 },
      snapshotChunkUnits: 16,
    });
    const running = room.alarm().then(() => true);
    let reads = 0;
    /** What was folded and stored when each answer came. */
    const seen = new Set<string>();
    const read = async () => {
      await room.shell.readEvents(0, 1, context);
      reads++;
      seen.add(`${folded(turns)} ${driver.query("SELECT count(*) AS n FROM snapshot_chunks")[0]!["n"] as number}`);
    };
    const next = async () => {
      void read();
      room.elapse(0);
      await turn();
      return false;
    };
    let rounds = 1;
    while (!(await Promise.race([running, next()]))) rounds++;
    await turn();
    // Each read is answered before the slice after the next one, and not after the run.
    expect(reads).toBeGreaterThanOrEqual(rounds);
    for (let slices = 2; slices < eventsTotal / 20; slices++) expect([...seen]).toContain(`${slices * 20} 0`);
    const chunks = driver.query("SELECT count(*) AS n FROM snapshot_chunks")[0]!["n"] as number;
    expect(chunks).toBeGreaterThan(3);
    for (let chunk = 1; chunk < chunks; chunk++) expect([...seen]).toContain(`${eventsTotal} ${chunk}`);
  });

  it("[LC-5] keeps the snapshot that the model before has of the last event, and stores its own before that", async () => {
    const driver = await written();
    await rebuilt(reopened(driver, { version: 1 }));
    expect(snapshots(driver)).toEqual([{ event_id: eventsTotal, model_version: 1 }]);
    const next = reopened(driver);
    await rebuilt(next);
    expect(await state(next.room)).toEqual({ state: expectedState, eventIndex: eventsTotal });
    expect(snapshots(driver)).toEqual([
      { event_id: eventsTotal - 1, model_version: 2 },
      { event_id: eventsTotal, model_version: 1 },
    ]);
    const [again, back] = [reopened(driver), reopened(driver, { version: 1 })];
    expect([await state(again.room), await state(back.room)]).toEqual(
      Array.from({ length: 2 }, () => ({ state: expectedState, eventIndex: eventsTotal })),
    );
    expect([folded(again.turns), folded(back.turns)]).toEqual([1, 0]);
  });

  it("[LC-5] keeps it also where a run ends at its event by chance", async () => {
    const driver = await written();
    const first = reopened(driver, { version: 1 });
    await alarm(first);
    expect(snapshots(driver)).toEqual([{ event_id: 60, model_version: 1 }]);
    const next = reopened(driver);
    await alarm(next);
    expect(snapshots(driver)).toEqual([{ event_id: 60, model_version: 1 }]);
    await alarm(next);
    expect(snapshots(driver)).toEqual([
      { event_id: 60, model_version: 1 },
      { event_id: 120, model_version: 2 },
    ]);
  });

  it("[LC-5] [MD-5] counts the bytes of the log as if it had been folded at once", async () => {
    const driver = await written();
    const opened = reopened(driver);
    await rebuilt(opened);
    const usage = async (room: TestShell) =>
      JSON.parse((await room.shell.readUsage(context)).body).usage.logBytes.used as number;
    const atOnce = new TestShell({ driver, model: modelOf(3) });
    expect(await usage(opened.room)).toBeGreaterThan(eventsTotal * 512);
    expect(await usage(opened.room)).toBe(await usage(atOnce));
  });

  it("[LC-5] keeps the newest snapshot of the model before, so that after a rollback nothing is folded", async () => {
    const driver = await written();
    const before = reopened(driver, { version: 1 });
    await rebuilt(before);
    expect((await before.room.submit(alice, set(eventsTotal + 1))).status).toBe(201);
    // No slice ends where the other snapshot is.
    const next = reopened(driver, { how: { ...folding, turn: slice(19) } });
    await alarm(next);
    expect(snapshots(driver)).toEqual([
      { event_id: 57, model_version: 2 },
      { event_id: eventsTotal, model_version: 1 },
    ]);
    await rebuilt(next);
    const back = reopened(driver, { version: 1 });
    expect(folded(back.turns)).toBe(1);
    expect((await state(back.room)).eventIndex).toBe(eventsTotal + 1);
    // Of each model there is one.
    expect(snapshots(driver)).toHaveLength(2);
  });

  it("[LC-5] a turn ends at its bound of bytes, and of work", async () => {
    const driver = await written();
    for (const bound of [{ bytes: 100 }, { work: 20 }]) {
      const opened = reopened(driver, { version: 10, how: { ...folding, turn: { ...slice(1_000), ...bound } } });
      await alarm(opened);
      expect(folded(opened.turns)).toBeGreaterThan(0);
      expect(Math.max(...opened.turns)).toBeLessThan(10);
    }
  });

  it("[LC-5] a tail that is folded when it is loaded ends at the bound of work, and the job goes on from there", async () => {
    const driver = await written();
    const load = { events: 1_000, bytes: 1_000_000, work: 200 };
    const opened = reopened(driver, { how: { ...folding, load } });
    const loaded = folded(opened.turns);
    expect(loaded).toBeGreaterThan(10);
    expect(await state(opened.room)).toMatchObject({ rebuilding: { eventId: loaded, of: eventsTotal } });
    await rebuilt(opened);
    expect(folded(opened.turns)).toBe(eventsTotal);
    expect(await state(opened.room)).toMatchObject({ state: expectedState });
  });

  it("[LC-8] [BD-7] is quarantined when the event is met that the model cannot fold", async () => {
    const driver = await written({ 200: "poison of 2" });
    const opened = reopened(driver);
    const startedAt = opened.room.now;
    await rebuilt(opened);
    const quarantined = { code: "quarantined", detail: expect.stringContaining("event 200") };
    expect(await state(opened.room)).toMatchObject(quarantined);
    expect(JSON.parse((await opened.room.submit(alice, set(eventsTotal + 1))).body)).toMatchObject(quarantined);
    expect((await opened.room.shell.readState(199, context)).status).toBe(200);
    expect(opened.room.logged.filter(({ message }) => message.startsWith("quarantined"))).toHaveLength(1);
    // Nothing is due any more but the verification, a week after the snapshot.
    await alarm(opened);
    expect(opened.room.armedAt! - startedAt).toBe(bounds.verifyPeriodMs);
    // After a restart it goes on from the last state that was stored, and finds the event again.
    const again = reopened(driver);
    expect(await state(again.room)).toMatchObject({ rebuilding: { eventId: 180 } });
    await rebuilt(again);
    expect(await state(again.room)).toMatchObject(quarantined);
  });

  it("[LC-8] goes on later where its storage fails, and not at once", async () => {
    class Failing extends NodeSqlDriver {
      failing = false;
      override query(
        sql: string,
        ...values: Parameters<NodeSqlDriver["query"]> extends [string, ...infer V] ? V : never
      ) {
        if (this.failing && sql.includes("FROM events")) throw new Error("no");
        return super.query(sql, ...values);
      }
    }
    const driver = new Failing();
    const room = new TestShell({ driver, model: modelOf(1) });
    for (let at = 1; at <= eventsTotal; at++) await room.submit(alice, set(at));
    const opened = reopened(driver);
    driver.failing = true;
    await alarm(opened);
    driver.failing = false;
    expect(opened.room.armedAt).toBe(opened.room.now + 5_000);
    opened.room.now += 5_000;
    await rebuilt(opened);
    expect(await state(opened.room)).toMatchObject({ state: expectedState });
  });

  it("[TX-17] [LC-5] [LC-8] folds no event twice where its storage fails in the middle of a slice", async () => {
    class FailingInSlice extends NodeSqlDriver {
      /** How many reads of the log succeed before one fails; undefined: all. */
      left: number | undefined;
      override query(
        sql: string,
        ...values: Parameters<NodeSqlDriver["query"]> extends [string, ...infer V] ? V : never
      ) {
        if (this.left !== undefined && sql.includes("payload") && sql.includes("FROM events") && this.left-- === 0) {
          this.left = undefined;
          throw new Error("no");
        }
        return super.query(sql, ...values);
      }
    }
    const add = (at: number): Submission => {
      const draftId = `a${at}`;
      const event = { type: "add", payload: { target: "counter", value: 1 } };
      return { key: draftId, mode: "single", drafts: [{ draftId, event, expectedEventId: undefined }] };
    };
    const counting = (version: number): AnyModel =>
      ({
        ...(insieme as AnyModel),
        version,
        eventType: (type: string) =>
          type !== "add"
            ? (insieme as AnyModel).eventType(type)
            : {
                ...(insieme as AnyModel).eventType("set")!,
                reduce(state: { counter?: number }) {
                  state.counter = (state.counter ?? 0) + 1;
                },
              },
      }) as unknown as AnyModel;
    const driver = new FailingInSlice();
    const before = new TestShell({ driver, model: counting(1) });
    // More than are read at once.
    const total = 1_200;
    for (let at = 1; at <= total; at++) expect((await before.submit(alice, add(at))).status).toBe(201);
    const room = new TestShell({
      driver,
      model: counting(2),
      folding: { load: slice(50), turn: slice(total), slicesMax: 3 },
    });
    driver.left = 1;
    await alarm({ room, turns: [] });
    expect(driver.left).toBeUndefined();
    room.now += 5_000;
    await rebuilt({ room, turns: [] });
    expect(await state(room)).toEqual({ state: { counter: total }, eventIndex: total });
  });

  it("[LC-5] says how long the rest takes, from the time of what was folded", async () => {
    const opened = reopened(await written());
    const { room } = opened;
    const running = room.alarm().then(() => true);
    const next = async () => {
      // Each turn of 20 events takes a second.
      room.now += 1_000;
      room.elapse(0);
      await turn();
      return false;
    };
    while (!(await Promise.race([running, next()])));
    expect(await state(room)).toMatchObject({ rebuilding: { eventId: 60 }, retryAfter: 12 });
  });
});
