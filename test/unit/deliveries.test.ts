import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type Delivered, single } from "../../src/core/index.ts";
import { retryDelayMs } from "../../src/core/effects/retry.ts";
import { defineEffects, type Effect } from "../../src/model/effects.ts";
import { defineModel } from "../../src/model/index.ts";
import { HandOver } from "../../src/courier/hand-over.ts";
import type { CourierRow } from "../../src/platform/courier-api.ts";
import type { SubmittedEffect, TenantApi } from "../../src/platform/rpc.ts";
import { type Author, bounds } from "../../src/protocol/index.ts";
import type { EffectPorts } from "../../src/shell/ports.ts";
import type { SqlDriver } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { BilledDriver } from "../bench/billed-driver.ts";
import { generousTenant, TestShell } from "../support/shell.ts";

const answer = z.looseObject({ effectId: z.string() });
const model = defineModel({
  name: "causing",
  version: 1,
  initialState: () => ({ told: [] as string[], answers: [] as unknown[] }),
  events: {
    cause: { payload: z.strictObject({ effects: z.array(z.looseObject({})) }), reduce: () => {} },
    told: {
      payload: z.strictObject({ text: z.string() }),
      validate: (_, { payload }) =>
        payload.text === "bad" ? { field: "payload.text", code: "BAD", message: "It is bad." } : undefined,
      reduce: (state, { payload }) => void state.told.push(payload.text),
    },
    fails: {
      payload: z.strictObject({}),
      reduce: () => {
        throw new Error("always");
      },
    },
    accepted: { payload: answer, internal: true, reduce: (state, { payload }) => void state.answers.push(payload) },
    rejected: { payload: answer, internal: true, reduce: (state, { payload }) => void state.answers.push(payload) },
  },
  accepts: [{ from: "ro*", types: ["told", "fails"] }],
});
const effects = defineEffects(model, {
  told: (_, { payload: { text } }) => (text === "echo" ? (told("other", "back") as Effect) : undefined),
  cause: (_, { payload }) => payload.effects as unknown as Effect[],
  accepted: (_, { payload }) => (payload["partition"] === "again" ? (told("again", "next") as Effect) : undefined),
});
const user: Author = { principal: "user:a", permissions: "all" };
const context = { traceId: "0".repeat(32) };
const told = (partition: string, text: string, more: object = {}): object => ({
  kind: "submit",
  partition,
  type: "told",
  payload: { text },
  ...more,
});
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A storage in which effects wait already: of each lane the same number. */
async function filled(...lanes: { kind: string; destination: string; count: number }[]): Promise<NodeSqlDriver> {
  const driver = new NodeSqlDriver();
  const draft = { draftId: "first", event: { type: "cause", payload: { effects: [] } }, expectedEventId: undefined };
  await new TestShell({ model, effects, driver }).submit(user, single(draft));
  driver.transaction(() => {
    for (const [at, { kind, destination, count }] of lanes.entries())
      driver.write(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
         INSERT INTO outbox SELECT 1, ${at * 100_000} + i, '00000000000000ff', '${kind}', '${destination}',
           CAST('{"type":"told","payload":{"text":"old"}}' AS BLOB), 'c', 1, 1700000000000, 1700000000000 FROM n`,
      );
  });
  return driver;
}

/** A partition whose deliveries the test answers. */
function opened({
  submit,
  ...more
}: Partial<EffectPorts> & { driver?: SqlDriver; tenant?: TenantApi; now?: number } = {}) {
  const calls: { partition: string; effects: readonly SubmittedEffect[] }[] = [];
  const { driver = new NodeSqlDriver(), tenant, now, ...ports } = more;
  let drafts = 0;
  const room = new TestShell({
    model,
    effects,
    driver,
    ...(tenant && { tenant }),
    ...(now && { now }),
    effectPorts: {
      submit: async (partition, sent) => {
        calls.push({ partition, effects: sent });
        return await (submit?.(partition, sent) ?? sent.map((): Delivered => ({ kind: "delivered", eventId: 7 })));
      },
      ...ports,
    },
  });
  return {
    room,
    calls,
    texts: () => calls.map(({ effects: sent }) => sent.map(({ event }) => (event["payload"] as { text: string }).text)),
    cause: (...caused: object[]) => {
      const draft = {
        draftId: `d-${++drafts}`,
        event: { type: "cause", payload: { effects: caused as never } },
        expectedEventId: undefined,
      };
      return room.submit(user, single(draft));
    },
    /** What is due now, and what follows it. */
    settle: async () => {
      for (let at = 0; at < 8; at++) {
        room.elapse(0);
        await turn();
      }
    },
    /** The next alarm, and what follows it. */
    alarm: async () => {
      await room.alarm();
      for (let at = 0; at < 8; at++) {
        room.elapse(0);
        await turn();
      }
    },
    waiting: () => room.driver.query("SELECT * FROM outbox").length,
    dead: () => room.driver.query("SELECT destination, reason FROM dead_letters ORDER BY event_id, n"),
  };
}

describe("the delivery of effects", () => {
  it("[TX-12] follows the commit, once it is durable, with the ids of the effects and what led to them", async () => {
    const { room, cause, calls, settle, waiting } = opened();
    expect((await cause(told("other", "a"), told("third", "b"))).status).toBe(201);
    await settle();
    const common = { correlationId: "0000000000000001:1", hops: 1, traceId: expect.stringMatching(/^[0-9a-f]{32}$/) };
    expect(calls).toEqual([
      {
        partition: "other",
        effects: [{ effectId: "0000000000000001:1:0", event: { type: "told", payload: { text: "a" } }, ...common }],
      },
      {
        partition: "third",
        effects: [{ effectId: "0000000000000001:1:1", event: { type: "told", payload: { text: "b" } }, ...common }],
      },
    ]);
    expect(waiting()).toBe(0);
    expect(room.logged).toEqual([]);
  });

  it("[TX-12] takes two rows an effect, and an alarm for many of them", async () => {
    const driver = new BilledDriver();
    const { room, cause, settle } = opened({ driver });
    await cause();
    const before = { rows: driver.rowsWritten, alarms: room.alarmsSet };
    const effectsOfEvent = 8;
    for (let at = 0; at < 20; at++) {
      await cause(...Array.from({ length: effectsOfEvent }, (_, n) => told(`room-${n}`, "x")));
      await settle();
      room.elapse(100);
    }
    const figures = {
      // Each event takes two rows without its effects.
      effect: (driver.rowsWritten - before.rows - 20 * 2) / (20 * effectsOfEvent),
      alarms: room.alarmsSet - before.alarms,
    };
    console.log("rows written by an effect, besides its event, and alarms of all 160:", figures);
    expect(figures).toEqual({ effect: 2, alarms: 1 });
  });

  it("[TX-12] [TX-13] keeps the order of each destination: what may be accepted later stops what is behind it, and nothing else", async () => {
    let full = true;
    const { cause, texts, settle, alarm, waiting, room } = opened({
      submit: async (partition, sent) =>
        sent.map(({ event }): Delivered => {
          const later = full && partition === "other" && (event["payload"] as { text: string }).text === "b";
          return later ? { kind: "later", code: "overloaded", retryAfterMs: 7_000 } : { kind: "delivered", eventId: 1 };
        }),
    });
    await cause(told("other", "a"), told("other", "b"), told("other", "c"), told("third", "x"));
    await settle();
    expect(texts()).toEqual([["a", "b", "c"], ["x"]]);
    expect(waiting()).toBe(2);
    await cause(told("other", "d"), told("third", "y"));
    await settle();
    expect(texts().slice(2)).toEqual([["y"]]);
    // It says when to come back.
    const since = room.now;
    full = false;
    await alarm();
    expect(room.now - since).toBeGreaterThanOrEqual(7_000);
    expect(texts().slice(3)).toEqual([["b", "c", "d"]]);
    expect(waiting()).toBe(0);
    expect(room.driver.query("SELECT kind FROM jobs WHERE kind = 'redeliver'")).toEqual([]);
  });

  it("[TX-13] is repeated with a delay that doubles, over restarts, and is given up after a day", async () => {
    const { cause, calls, settle, alarm, dead, waiting, room } = opened({
      submit: () => Promise.reject(new Error("nobody answers")),
    });
    await cause(told("other", "a"));
    await settle();
    const begin = room.now;
    const attempts = [begin];
    while (waiting() > 0) {
      const before = calls.length;
      await alarm();
      if (calls.length > before) attempts.push(room.now);
    }
    const delays = attempts.slice(1).map((at, n) => at - attempts[n]!);
    // Jitter is a half here.
    expect(delays.slice(0, 6)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(Math.max(...delays)).toBe(bounds.effectRetryMsMax / 2);
    expect(room.now - begin).toBeGreaterThanOrEqual(bounds.effectAgeMsMax);
    expect(dead()).toEqual([{ destination: "other", reason: "expired" }]);
  });

  it("[LC-11] [TX-13] is held for as long as its destination is read-only, and is not given up", async () => {
    let isOver = false;
    const { cause, settle, alarm, dead, waiting, room } = opened({
      submit: async () => [
        isOver ? { kind: "delivered", eventId: 1 } : { kind: "later", code: "read_only", retryAfterMs: 3_600_000 },
      ],
    });
    await cause(told("other", "a"));
    await settle();
    for (const end = room.now + 2 * bounds.effectAgeMsMax; room.now < end;) await alarm();
    expect([waiting(), dead()]).toEqual([1, []]);
    isOver = true;
    while (waiting() > 0) await alarm();
    expect(dead()).toEqual([]);
  });

  it("[TX-13] the delay has full jitter and bounds", () => {
    expect([0, 3, 40].map((attempts) => retryDelayMs(attempts, 1))).toEqual([1_000, 8_000, bounds.effectRetryMsMax]);
    expect([0, 3, 40].map((attempts) => retryDelayMs(attempts, 0))).toEqual([100, 100, 100]);
  });

  it("[TX-12] goes on after a restart between sending and marking: it is sent again", async () => {
    const { room, cause, calls, settle } = opened({ submit: () => new Promise(() => {}) });
    await cause(told("other", "a"));
    await settle();
    expect(calls).toHaveLength(1);
    const again: string[] = [];
    const next = new TestShell({
      model,
      effects,
      driver: room.driver,
      now: room.now,
      effectPorts: {
        submit: async (_, sent) =>
          sent.map(({ effectId }): Delivered => (again.push(effectId), { kind: "delivered", eventId: 1 })),
      },
    });
    next.elapse(0);
    await turn();
    expect(again).toEqual(["0000000000000001:1:0"]);
  });

  it("[TX-13] a rejection is final: it becomes a dead letter, and what is behind it goes on", async () => {
    const { cause, dead, settle, waiting, room } = opened({
      submit: async (_, sent) =>
        sent.map(({ event }): Delivered =>
          (event["payload"] as { text: string }).text === "bad"
            ? { kind: "rejected", code: "validation_failed", detail: "It is bad." }
            : { kind: "delivered", eventId: 1 },
        ),
    });
    await cause(told("other", "bad"), told("other", "good"));
    await settle();
    expect(waiting()).toBe(0);
    expect(dead()).toEqual([{ destination: "other", reason: "rejected" }]);
    const listed = JSON.parse((await room.shell.listDeadLetters(undefined, 10, context)).body);
    expect(listed).toEqual({
      deadLetters: [
        expect.objectContaining({
          effectId: "0000000000000001:1:0",
          kind: "submit",
          destination: "other",
          type: "told",
          reason: "rejected",
          code: "validation_failed",
          detail: "It is bad.",
        }),
      ],
    });
    const replayed = await room.shell.replayDeadLetter("0000000000000001:1:0", context);
    expect([replayed.status, JSON.parse(replayed.body).code]).toEqual([409, "not_replayable"]);
    expect((await room.shell.discardDeadLetter("0000000000000001:1:0", context)).status).toBe(204);
    expect(dead()).toEqual([]);
    expect((await room.shell.readDeadLetter("0000000000000001:1:0", context)).status).toBe(404);
  });

  it("[TX-13] a dead letter that was refused is sent again under its id, before what is behind it; to partitions within 30 days", async () => {
    let refused = true;
    const { room, cause, calls, dead, settle } = opened({
      submit: async (_, sent) =>
        sent.map((): Delivered =>
          refused ? { kind: "refused", code: "quota_exceeded", detail: "No." } : { kind: "delivered", eventId: 1 },
        ),
    });
    await cause(told("other", "a"));
    await settle();
    expect(dead()).toEqual([{ destination: "other", reason: "refused" }]);
    const id = "0000000000000001:1:0";
    expect(JSON.parse((await room.shell.readDeadLetter(id, context)).body)).toMatchObject({
      effectId: id,
      payload: { text: "a" },
    });
    refused = false;
    room.now += 29 * 86_400_000;
    expect(JSON.parse((await room.shell.replayDeadLetter(id, context)).body)).toEqual({ replayed: 1 });
    await settle();
    expect(calls.map(({ effects: [sent] }) => sent!.effectId)).toEqual([id, id]);
    expect(dead()).toEqual([]);
    refused = true;
    await cause(told("other", "b"));
    await settle();
    room.now += 31 * 86_400_000;
    expect(JSON.parse((await room.shell.replayDeadLetter("0000000000000001:2:0", context)).body).code).toBe(
      "not_replayable",
    );
    for (const other of ["0000000000000002:2:0", "x", "0000000000000001:9:0"]) {
      expect((await room.shell.replayDeadLetter(other, context)).status).toBe(404);
    }
  });

  it("[TX-12] [MD-17] a verdict comes back as an internal event, once, where the effect asks for that", async () => {
    const { room, cause, dead, settle } = opened({
      submit: async (_, sent) =>
        sent.map(({ event }): Delivered =>
          (event["payload"] as { text: string }).text === "bad"
            ? { kind: "rejected", code: "validation_failed", detail: "It is bad." }
            : { kind: "delivered", eventId: 41 },
        ),
    });
    const answers = { acceptedAs: "accepted", rejectedAs: "rejected" };
    await cause(told("other", "bad", answers), told("other", "good", answers));
    await settle();
    expect(dead()).toEqual([]);
    const state = JSON.parse((await room.shell.readState(undefined, context)).body as string).state;
    expect(state.answers).toEqual([
      { effectId: "0000000000000001:1:0", partition: "other", code: "validation_failed", detail: "It is bad." },
      { effectId: "0000000000000001:1:1", partition: "other", eventId: 41 },
    ]);
    const [, event] = room.driver.query(
      "SELECT principal, draft_id, correlation_id, hops FROM events ORDER BY event_id",
    );
    expect({ ...event }).toEqual({
      principal: "partition:other",
      draft_id: "0000000000000001:1:0",
      correlation_id: "0000000000000001:1",
      hops: 1,
    });
  });

  it("[TX-12] [BD-4] goes on where the outbox is full and answers cause further effects", async () => {
    const driver = await filled({ kind: "queue", destination: "MAIL", count: bounds.outboxRowsMax - 2 });
    const enqueue = () => Promise.reject(new Error("there is no queue"));
    const { cause, texts, settle, room } = opened({ driver, enqueue });
    const again = (text: string) => told("again", text, { acceptedAs: "accepted" });
    expect((await cause(again("a"), again("b"))).status).toBe(201);
    await settle();
    expect(texts()).toEqual([
      ["a", "b"],
      ["next", "next"],
    ]);
    expect((await cause(again("c"), again("d"), again("e"))).status).toBe(503);
    expect(room.logged.filter(({ message }) => message === "effects wait for another attempt")).toHaveLength(1);
  });

  it("[TX-12] [BD-4] two partitions that are full of effects for each other go on, and clients take no room of theirs", async () => {
    const full = async () => {
      const driver = await filled({ kind: "submit", destination: "other", count: bounds.outboxRowsMax });
      const body = JSON.stringify(told("other", "echo"));
      driver.transaction(() => driver.write("UPDATE outbox SET body = CAST(? AS BLOB)", body));
      return driver;
    };
    const answered: Promise<unknown>[] = [];
    /** Delivers to the other one, which is asked in a turn of its own. */
    const sends = (to: () => TestShell, from: string): Partial<EffectPorts> => ({
      submit: (_, sent) => {
        const answer = to().shell.deliver(from, sent, "0".repeat(32));
        answered.push(answer);
        return answer;
      },
    });
    const one: ReturnType<typeof opened> = opened({ driver: await full(), ...sends(() => two.room, "room-1") });
    const two: ReturnType<typeof opened> = opened({ driver: await full(), ...sends(() => one.room, "room-2") });
    for (let at = 0; at < 40; at++) {
      for (const { room, cause } of [one, two]) {
        room.elapse(10);
        expect((await cause(told("other", "x"))).status).toBe(503);
      }
      await turn();
    }
    const echoes = ({ room }: typeof one) =>
      room.driver.query("SELECT count(*) AS n FROM outbox WHERE body LIKE '%echo%'")[0]!["n"] as number;
    for (const each of [one, two]) expect(echoes(each)).toBeLessThan(bounds.outboxRowsMax - bounds.deliveryRowsMax);
  });

  it("[TX-12] gives each destination its turn, however much others have", async () => {
    const busy = Array.from({ length: 6 }, (_, at) => `busy-${at}`);
    const lanes = busy.map((destination) => ({ kind: "submit", destination, count: 4 * bounds.deliveryRowsMax }));
    const driver = await filled(...lanes, { kind: "submit", destination: "last", count: 1 });
    const { calls, settle } = opened({ driver });
    await settle();
    expect(calls.slice(0, 8).map(({ partition }) => partition)).toEqual([...busy, "last", "busy-0"]);
  });

  it.each([
    ["its body is cut off", `body = CAST('{"type":"told"' AS BLOB)`],
    ["its body is no text", "body = x'7b22ff227d'"],
    ["its body is nothing", "body = CAST('null' AS BLOB)"],
    ["its kind is none", "kind = 'sbmit'"],
  ])("[BD-7] [TX-13] a damaged effect stops nothing that is behind it, and is kept as it is: %s", async (_, change) => {
    const before = opened({ submit: async (__, sent) => sent.map(() => ({ kind: "later", code: "overloaded" })) });
    const { driver } = before.room;
    await before.cause(told("other", "a"), told("other", "b"), told("other", "c"), told("other", "d"));
    await before.settle();
    driver.transaction(() => driver.script(`UPDATE outbox SET ${change} WHERE n IN (0, 2)`));
    const { room, texts, alarm, dead, waiting } = opened({ driver, now: before.room.now });
    for (let at = 0; at < 3; at++) await alarm();
    expect(waiting()).toBe(0);
    expect(texts().flat()).toEqual(["b", "d"]);
    expect(dead().map(({ reason }) => reason)).toEqual(["damaged", "damaged"]);
    const ids = ["0000000000000001:1:0", "0000000000000001:1:2"] as const;
    const listed = JSON.parse((await room.shell.listDeadLetters(undefined, 10, context)).body);
    expect(listed.deadLetters).toMatchObject(ids.map((effectId) => ({ effectId, reason: "damaged" })));
    expect(JSON.parse((await room.shell.replayDeadLetter(ids[0], context)).body).code).toBe("not_replayable");
    expect((await room.shell.discardDeadLetter(ids[0], context)).status).toBe(204);
    const logged = room.logged.filter(({ message }) => message === "an effect is damaged");
    expect(logged.map(({ fields }) => fields["effectId"])).toEqual(ids);
  });

  it("[BD-7] [TX-13] an effect whose row is gone stops nothing", async () => {
    let up = false;
    const { room, cause, texts, settle, alarm, waiting, dead } = opened({
      submit: async (_, sent) =>
        sent.map((): Delivered => (up ? { kind: "delivered", eventId: 1 } : { kind: "later", code: "overloaded" })),
    });
    await cause(told("other", "a"), told("other", "b"));
    await settle();
    room.driver.transaction(() => room.driver.script("DELETE FROM outbox WHERE n = 0"));
    up = true;
    await alarm();
    expect(texts().at(-1)).toEqual(["b"]);
    expect([waiting(), dead()]).toEqual([0, []]);
  });

  it("[TX-12] [LC-9] waits while the tenant has stopped its effects", async () => {
    const calls: string[] = [];
    const effectPorts: Partial<EffectPorts> = {
      submit: async (_, sent) =>
        sent.map(({ effectId }): Delivered => (calls.push(effectId), { kind: "delivered", eventId: 1 })),
    };
    const stopped = new TestShell({ model, effects, effectPorts, limits: { effects: "paused" } });
    const draft = { draftId: "d", event: { type: "cause", payload: { effects: [told("other", "a")] as never } } };
    await stopped.submit(user, single({ ...draft, expectedEventId: undefined }));
    stopped.elapse(60_000);
    await turn();
    await stopped.alarm();
    await turn();
    expect(calls).toEqual([]);
    const goesOn = new TestShell({ model, effects, effectPorts, driver: stopped.driver, now: stopped.now });
    goesOn.elapse(0);
    await turn();
    expect(calls).toEqual(["0000000000000001:1:0"]);
  });

  it("[TX-12] [LC-9] [LC-7] learns by its alarm that it may go on, and meanwhile neither wakes nor writes often", async () => {
    let limits: { effects?: "paused" } = {};
    let seq = 0;
    const tenant = { ...generousTenant, attend: async () => ({ seq: seq++, revocations: [], limits }) };
    let up = false;
    const { room, cause, calls, settle, alarm, waiting } = opened({
      tenant,
      submit: async (_, sent) =>
        sent.map((): Delivered => (up ? { kind: "delivered", eventId: 1 } : { kind: "later", code: "overloaded" })),
    });
    await cause(told("other", "a"));
    await settle();
    expect(calls).toHaveLength(1);
    // The partition learns of it; that it is over it is not notified of.
    limits = { effects: "paused" };
    room.elapse(60_000);
    await alarm();
    await alarm();
    const before = { calls: calls.length, alarms: room.alarmsSet, at: room.now };
    for (let at = 0; at < 5; at++) await alarm();
    expect(calls).toHaveLength(before.calls);
    expect((room.now - before.at) / (room.alarmsSet - before.alarms)).toBeGreaterThan(5 * 60_000);
    expect(room.driver.query("SELECT kind FROM jobs WHERE kind = 'redeliver'")).toEqual([]);
    limits = {};
    up = true;
    await alarm();
    await settle();
    expect(calls).toHaveLength(before.calls + 1);
    expect(waiting()).toBe(0);
  });

  it("[TX-13] [LC-9] is tried again after a long pause, and not given up at the first failure", async () => {
    const driver = await filled({ kind: "submit", destination: "other", count: 1 });
    let up = false;
    const { settle, alarm, dead, waiting, calls } = opened({
      driver,
      now: 1_700_000_000_000 + 3 * bounds.effectAgeMsMax,
      submit: async (_, sent) => {
        if (!up) throw new Error("nobody answers");
        return sent.map((): Delivered => ({ kind: "delivered", eventId: 1 }));
      },
    });
    await settle();
    while (calls.length < bounds.effectAttemptsMin - 1) await alarm();
    up = true;
    while (calls.length < bounds.effectAttemptsMin) await alarm();
    expect(dead()).toEqual([]);
    expect(waiting()).toBe(0);
  });

  it("[TX-12] [LC-9] gives queues and couriers what they need, and waits for those that are not there", async () => {
    const queued: unknown[] = [];
    const given: unknown[] = [];
    const { cause, settle, waiting } = opened({
      enqueue: async (queue, messages) => {
        if (queue !== "MAIL") throw new Error("there is no such queue");
        queued.push(...messages);
      },
      webhooks: async (rows) => (given.push(...rows), []),
    });
    await cause(
      { kind: "queue", queue: "MAIL", payload: { to: "a" } },
      { kind: "queue", queue: "NONE", payload: {} },
      { kind: "webhook", type: "order.paid", payload: { total: 3 }, ordered: true },
    );
    await settle();
    const traceId = expect.stringMatching(/^[0-9a-f]{32}$/);
    const common = { timestamp: expect.any(Number), correlationId: "0000000000000001:1", traceId, partition: "room" };
    expect(queued).toEqual([{ effectId: "0000000000000001:1:0", tenant: "default", payload: { to: "a" }, ...common }]);
    expect(given).toEqual([
      { effectId: "0000000000000001:1:2", type: "order.paid", payload: '{"total":3}', ordered: true, ...common },
    ]);
    expect(waiting()).toBe(1);
  });
});

describe("webhooks to several endpoints", () => {
  const paid = (n: number, more: object = {}) => ({ kind: "webhook", type: "paid", payload: { n }, ...more });

  /** A partition with the endpoints a, b and c: what each has, in its order. */
  function endpoints({ driver, now }: { driver?: SqlDriver; now?: number } = {}) {
    const got: Record<string, number[]> = { a: [], b: [], c: [] };
    const down = new Set<string>();
    const asked: string[] = [];
    const give = async (id: string, rows: readonly CourierRow[]) => {
      asked.push(id);
      if (down.has(id)) throw new Error("it hangs");
      got[id]!.push(...rows.map(({ payload }) => (JSON.parse(payload) as { n: number }).n));
    };
    const handOver = new HandOver({
      routes: async () => Object.keys(got).map((id) => ({ id })),
      accept: give,
      unwanted: () => {},
      now: () => 0,
    });
    const webhooks: EffectPorts["webhooks"] = async (rows, to) => {
      if ("behind" in to) return await handOver.sendToAll(rows, to.behind);
      await handOver.sendTo(to.endpoint, rows);
      return [];
    };
    const part = opened({ webhooks, ...(driver && { driver }), ...(now && { now }) });
    const rows = () => part.room.driver.query("SELECT destination FROM outbox ORDER BY event_id, n");
    return { ...part, got, down, asked, rows: () => rows().map(({ destination }) => destination) };
  }

  it("[TX-12] [TX-13] one that does not take them holds up no other, and gets all in order when it does, over a restart", async () => {
    const first = endpoints();
    first.down.add("a").add("b");
    // More than one delivery takes.
    const count = 2 * bounds.deliveryRowsMax;
    for (let n = 0; n < count; n += 50) await first.cause(...Array.from({ length: 50 }, (_, at) => paid(n + at)));
    for (let at = 0; at < 6; at++) await first.settle();
    const all = Array.from({ length: count }, (_, n) => n);
    expect(first.got).toEqual({ a: [], b: [], c: all });
    expect(new Set(first.rows())).toEqual(new Set(["a b"]));

    const next = endpoints({ driver: first.room.driver, now: first.room.now });
    next.down.add("b");
    // The first draft ids were used before the restart.
    for (let n = 0; n < count; n += 50) await next.cause();
    await next.cause(paid(count));
    for (let at = 0; at < 12; at++) await next.alarm();
    expect(next.got).toEqual({ a: [...all, count], b: [], c: [count] });
    expect(new Set(next.rows())).toEqual(new Set(["b"]));
    next.down.clear();
    for (let at = 0; at < 12; at++) await next.alarm();
    expect(next.got["b"]).toEqual([...all, count]);
    expect([next.waiting(), next.dead()]).toEqual([0, []]);
  });

  it("[TX-12] [LC-9] asks one that fails at the pace of its own lane, and costs a row for what it does not take", async () => {
    const driver = new BilledDriver();
    const { cause, settle, asked, down, room } = endpoints({ driver });
    down.add("a");
    await cause(paid(0));
    await settle();
    const before = { asked: asked.length, rows: driver.rowsWritten };
    for (let n = 1; n <= 20; n++) {
      await cause(paid(n));
      await settle();
    }
    expect(asked.slice(before.asked).filter((id) => id === "a")).toEqual([]);
    // Two of the event, one of the effect, and where it goes on.
    expect(driver.rowsWritten - before.rows).toBe(20 * 4);
    expect(room.driver.query("SELECT key, attempts FROM jobs WHERE kind = 'redeliver'")).toEqual([
      { key: "webhook:a", attempts: 1 },
    ]);
  });

  it("[TX-13] what two of them do not take for a day is one dead letter, which goes to both again", async () => {
    const { room, cause, settle, alarm, down, got, dead, waiting } = endpoints();
    down.add("a").add("b");
    await cause(paid(1));
    await settle();
    while (waiting() > 0) await alarm();
    expect(got["c"]).toEqual([1]);
    expect(dead()).toEqual([{ destination: expect.stringMatching(/^(a b|b a)$/), reason: "expired" }]);
    down.clear();
    const replayed = await room.shell.replayDeadLetter("0000000000000001:1:0", context);
    expect(JSON.parse(replayed.body)).toEqual({ replayed: 1 });
    for (let at = 0; at < 3; at++) await alarm();
    expect(got).toEqual({ a: [1], b: [1], c: [1] });
    expect([waiting(), dead()]).toEqual([0, []]);
  });

  it("[TX-13] a dead letter of one is sent again when nothing waits for it elsewhere", async () => {
    const { room, cause, settle, alarm, down, got, dead, waiting } = endpoints();
    down.add("a");
    await cause(paid(1));
    await settle();
    while (dead().length === 0) await alarm();
    down.add("c").add("b");
    room.driver.transaction(() =>
      room.driver.script(
        "INSERT INTO outbox SELECT event_id, n, incarnation, kind, 'c', body, correlation_id, hops, created_at, queued_at FROM dead_letters",
      ),
    );
    const replay = async () => JSON.parse((await room.shell.replayDeadLetter("0000000000000001:1:0", context)).body);
    expect(await replay()).toMatchObject({ code: "not_replayable" });
    room.driver.transaction(() => room.driver.script("DELETE FROM outbox"));
    down.clear();
    expect(await replay()).toEqual({ replayed: 1 });
    for (let at = 0; at < 3; at++) await alarm();
    expect([got, waiting(), dead()]).toEqual([{ a: [1], b: [1], c: [1] }, 0, []]);
  });

  it("[BD-7] a damaged one leaves all its lanes", async () => {
    const { room, cause, settle, alarm, down, got, dead, waiting } = endpoints();
    down.add("a").add("b");
    await cause(paid(1), paid(2));
    await settle();
    room.driver.transaction(() => room.driver.script("UPDATE outbox SET body = x'ff' WHERE n = 0"));
    down.clear();
    for (let at = 0; at < 4; at++) await alarm();
    expect(got).toEqual({ a: [2], b: [2], c: [1, 2] });
    expect(dead()).toEqual([{ destination: "a b", reason: "damaged" }]);
    expect(waiting()).toBe(0);
  });
});

describe("a partition that receives effects", () => {
  const effect = (effectId: string, text: string, more: object = {}): SubmittedEffect => ({
    effectId,
    event: { type: "told", payload: { text } },
    correlationId: "c:1",
    hops: 3,
    ...more,
  });
  const deliver = async (room: TestShell, from: string, ...sent: SubmittedEffect[]) => {
    const answered = room.shell.deliver(from, sent, "0".repeat(32));
    for (let at = 0; at < 8; at++) {
      await turn();
      room.elapse(0);
    }
    return await answered;
  };

  it("[LC-11] has them wait where it was never written, and its tenant has made it read-only", async () => {
    const tenant = {
      ...generousTenant,
      attend: async () => ({ seq: 1, revocations: [], limits: { readOnly: ["ro*"] } }),
    };
    const { room } = opened({ tenant });
    expect(await deliver(room, "room-1", effect("e:1:0", "a"))).toMatchObject([{ kind: "later" }]);
  });

  it("[TX-15] decides each once, by its sender and its id, and in order", async () => {
    const { room } = opened();
    const results = [
      { kind: "delivered", eventId: 1 },
      { kind: "rejected", code: "validation_failed", detail: "It is bad." },
      { kind: "delivered", eventId: 2 },
    ];
    const sent = [effect("a:1:0", "one"), effect("a:2:0", "bad"), effect("a:3:0", "two")];
    expect(await deliver(room, "room-1", ...sent)).toEqual(results);
    expect(await deliver(room, "room-1", ...sent)).toEqual(results);
    expect(await deliver(room, "room-2", sent[0]!)).toEqual([{ kind: "delivered", eventId: 3 }]);
    expect(room.driver.query("SELECT principal, correlation_id, hops FROM events")).toEqual(
      ["room-1", "room-1", "room-2"].map((from) => ({
        principal: `partition:${from}`,
        correlation_id: "c:1",
        hops: 3,
      })),
    );
  });

  it("[ID-13] its log shows what led to each event, to who asks for it, and so do its log lines", async () => {
    const { room, cause } = opened();
    await cause();
    const traceId = "0a".repeat(16);
    const fails = { event: { type: "fails", payload: {} }, traceId };
    await deliver(room, "room-1", effect("a:1:0", "one"), effect("a:2:0", "x", fails));
    const idsOf = async (correlations: boolean) => {
      const { body } = await room.shell.readEvents(0, 10, context, { correlations });
      return (JSON.parse(body) as { events: { correlationId?: string }[] }).events.map((each) => each.correlationId);
    };
    expect(await idsOf(true)).toEqual(["0000000000000001:1", "c:1"]);
    expect(await idsOf(false)).toEqual([undefined, undefined]);
    const line = room.logged.find(({ message }) => message === "the model failed on a draft");
    expect(line!.fields).toMatchObject({ correlationId: "c:1", draftId: "a:2:0", traceId });
  });

  it("[TX-15] [AU-2] accepts nothing but what its model declares; what it accepted before is answered again", async () => {
    const { room } = opened();
    expect(await deliver(room, "room-1", effect("a:1:0", "one"))).toEqual([{ kind: "delivered", eventId: 1 }]);
    expect(await deliver(room, "other", effect("a:1:0", "one"), effect("a:2:0", "two"))).toEqual(
      [1, 2].map(() => ({ kind: "refused", code: "forbidden", detail: expect.any(String) })),
    );
    const cause = effect("a:3:0", "x", { event: { type: "cause", payload: { effects: [] } } });
    expect(await deliver(room, "room-1", cause, effect("a:4:0", "two"))).toEqual([
      { kind: "refused", code: "forbidden", detail: expect.any(String) },
      { kind: "delivered", eventId: 2 },
    ]);
    expect(room.driver.query("SELECT count(*) AS n FROM idempotency_records")[0]!["n"]).toBe(0);
  });
});
