import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { rejectionRetentionMs } from "../../src/core/index.ts";
import { nextOccurrence } from "../../src/core/timers/cron.ts";
import { defineEffects, type Effect } from "../../src/model/effects.ts";
import { defineModel } from "../../src/model/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import type { SqlValue } from "../../src/storage/driver.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { effectIdOf } from "../../src/storage/port.ts";
import { answerDeadLetter } from "../../src/wire/partita/answers.ts";
import { BilledDriver } from "../bench/billed-driver.ts";
import { TestPartition } from "../support/partition.ts";
import { TestShell } from "../support/shell.ts";

const caused = z.strictObject({ effects: z.array(z.looseObject({})) });

/** A model whose events say themselves what they cause. */
const model = defineModel({
  name: "causing",
  version: 1,
  initialState: () => ({ rung: [] as string[], fails: false }),
  events: {
    cause: { payload: caused, reduce() {} },
    fail: {
      payload: z.strictObject({ fails: z.boolean() }),
      reduce(state, { payload }) {
        state.fails = payload.fails;
      },
    },
    ring: {
      payload: z.strictObject({ name: z.string(), effects: z.optional(z.array(z.looseObject({}))) }),
      internal: true,
      validate: (_, { payload }) =>
        payload.name === "" ? { field: "payload.name", code: "EMPTY", message: "It has no name." } : undefined,
      reduce(state, { payload, author }) {
        if (state.fails && payload.name === "brittle") throw new Error("it is brittle");
        state.rung.push(`${payload.name} by ${author}`);
      },
    },
  },
  authors: "shown",
});
const effects = defineEffects(model, {
  cause: (_, { payload }) => payload.effects as unknown as Effect[],
  ring(_, { payload, timestamp }) {
    const left = Number(/^tick(\d+)$/.exec(payload.name)?.[1] ?? 0);
    if (left > 0) return ring("tick", { at: timestamp + 2_000 }, { name: `tick${left - 1}` }) as Effect;
    return (payload.effects ?? []) as unknown as Effect[];
  },
});

const start = 1_700_000_000_000;
const minute = 60_000;

const ring = (key: string, more: object = { at: start + minute }, payload: object = { name: key }): object => ({
  kind: "schedule",
  key,
  type: "ring",
  payload,
  ...more,
});
const cancel = (key: string): object => ({ kind: "cancel", key });

class Room extends TestPartition {
  #drafts = 0;

  constructor(driver: NodeSqlDriver | BilledDriver = new NodeSqlDriver()) {
    super({ model, effects, driver });
  }

  /** Commits an event that causes this. */
  cause(...all: object[]) {
    return this.client("a").submit(`d-${++this.#drafts}`, "cause", { effects: all });
  }

  get rung(): string[] {
    return (this.state() as { rung: string[] }).rung.map((line) => line.split(" ")[0]!);
  }

  get stored(): number {
    return this.driver.query("SELECT count(*) AS n FROM timers")[0]!["n"] as number;
  }

  /** What is to be delivered next. */
  get nextEffect() {
    return this.partition.deliveries?.next(new Set(), this.now);
  }

  /** Lets the alarm come as often as it is due until `at`. Returns how often. */
  until(at: number): number {
    let alarms = 0;
    for (let due; (due = this.partition.nextDue) !== undefined && due <= at; alarms++) {
      this.now = Math.max(this.now, due);
      this.runDue();
    }
    this.now = Math.max(this.now, at);
    return alarms;
  }
}

describe("a timer", () => {
  it("[TX-12] [MD-17] fires once, never early, as the timer of its key", () => {
    const room = new Room();
    expect(room.cause(ring("one")).type).toBe("event_accepted");
    expect(room.partition.nextDue).toBe(start + minute);
    room.until(start + minute - 1);
    // An alarm that comes too early.
    room.runDue();
    expect(room.rung).toEqual([]);
    room.until(start + minute);
    expect(room.state()).toMatchObject({ rung: ["one by timer:one"] });
    const { events } = room.client("b").send("sync", { sinceEventId: 1 })[0].payload;
    expect(events).toMatchObject([{ event: { type: "ring", timestamp: start + minute } }]);
    expect(
      room.driver.query("SELECT draft_id, principal, correlation_id, hops FROM events WHERE event_id = 2"),
    ).toEqual([
      {
        draft_id: `timer:one:${start + minute}`,
        principal: "timer:one",
        correlation_id: "0000000000000001:1",
        hops: 0,
      },
    ]);
    room.until(start + 60 * minute);
    expect(room.rung).toEqual(["one"]);
    expect(room.stored).toBe(0);
  });

  it("[TX-12] is at least a second ahead", () => {
    const room = new Room();
    room.cause(ring("past", { at: start - minute }), ring("now", { at: start }), ring("soon", { at: start + 1_000.5 }));
    room.until(start + 999);
    expect(room.rung).toEqual([]);
    room.until(start + 1_000);
    expect(room.rung).toEqual(["now", "past"]);
    room.until(start + 1_001);
    expect(room.rung).toEqual(["now", "past", "soon"]);
  });

  it("[TX-12] is replaced by another one of its key, and can be cancelled", () => {
    const room = new Room();
    room.cause(ring("one"), ring("two"), ring("three"));
    room.cause(ring("one", { at: start + 2 * minute }, { name: "later" }), cancel("two"), cancel("nothing"));
    room.cause(ring("three", { at: start + 5_000 }), cancel("three"), ring("three", { at: start + 6_000 }));
    expect(room.stored).toBe(2);
    room.until(start + minute);
    expect(room.rung).toEqual(["three"]);
    room.until(start + 60 * minute);
    expect(room.rung).toEqual(["three", "later"]);
  });

  it("[TX-12] [LC-1] survives a restart, and fires if its time has passed meanwhile", () => {
    const room = new Room();
    room.cause(ring("one"), ring("two", { at: start + 3 * minute }));
    room.now += 2 * minute;
    room.restart();
    expect(room.partition.nextDue).toBe(start + minute);
    room.until(room.now);
    room.restart();
    expect(room.rung).toEqual(["one"]);
    room.until(start + 3 * minute);
    expect(room.rung).toEqual(["one", "two"]);
  });

  it("[TX-12] can be set again or cancelled by its own event, for as long as it is needed", () => {
    const room = new Room();
    // More often than effects may lead to each other.
    room.cause(ring("tick", { at: start + 2_000 }, { name: `tick${bounds.effectHopsMax + 4}` }));
    room.until(start + minute);
    expect(room.rung).toHaveLength(bounds.effectHopsMax + 5);
    expect(room.stored).toBe(0);
    const often = { cron: "* * * * *", timeZone: "UTC" };
    room.cause(ring("minute", often, { name: "once", effects: [cancel("minute")] }));
    room.until(start + 60 * minute);
    expect(room.rung.slice(bounds.effectHopsMax + 5)).toEqual(["once"]);
    expect(room.stored).toBe(0);
  });

  it("[TX-12] fires once too where the clock is set back and it is set for the same time again", () => {
    const room = new Room();
    room.cause(ring("one"));
    room.until(start + minute);
    room.now = start;
    room.cause(ring("one"));
    room.until(start + 2 * minute);
    expect(room.rung).toEqual(["one", "one"]);
    expect(room.stored).toBe(0);
  });

  it.each([
    ["no time", ring("one", { at: null })],
    ["a time that no clock has", ring("one", { at: start + 200 * 366 * 24 * 60 * minute })],
    ["no pattern", ring("one", { cron: "whenever", timeZone: "UTC" })],
    ["no time zone", ring("one", { cron: "0 9 * * *", timeZone: "Nowhere/City" })],
    ["a day that there is not", ring("one", { cron: "0 0 30 2 *", timeZone: "UTC" })],
    ["a key with a space", ring("one two")],
    ["a key that is too long", ring("x".repeat(65))],
    ["a payload that is too large", ring("one", undefined, { name: "x".repeat(bounds.effectBytesMax) })],
    ["a type that the model does not have", { ...ring("one"), type: "sing" }],
  ])("[TX-12] [MD-7] with %s is a fault of the model, and leaves nothing", (_, effect) => {
    const failing = defineEffects(model, { cause: () => effect as unknown as Effect });
    const room = new TestPartition({ model, effects: failing });
    const answer = room.client("a").submit("d", "cause", { effects: [] });
    expect(answer).toMatchObject({ type: "error", payload: { code: "draft_failed" } });
    expect(room.partition.standing(room.now).head).toBe(0);
    expect(room.driver.query("SELECT key FROM timers")).toEqual([]);
  });
});

describe("the draft of a timer", () => {
  const rejections = (room: Room) =>
    room.driver.query("SELECT principal, draft_id FROM idempotency_records ORDER BY record_id");

  it("[TX-2] is rejected as any other: the rejection is stored and logged, and the timer is done", () => {
    const room = new Room();
    room.cause(ring("bad", undefined, { name: "" }), ring("good"));
    room.until(start + minute);
    expect(room.rung).toEqual(["good"]);
    expect(rejections(room)).toEqual([{ principal: "timer:bad", draft_id: `timer:bad:${start + minute}` }]);
    expect(room.logged).toMatchObject([
      {
        level: "warn",
        message: "the draft of a timer was rejected",
        fields: { timer: "bad", code: "validation_failed" },
      },
    ]);
    expect(room.stored).toBe(0);
  });

  it("[AU-5] [TX-12] takes the place of the oldest rejection of timers where there is no room for another", () => {
    const room = new Room();
    room.cause(ring("bad", undefined, { name: "" }));
    room.driver.transaction(() =>
      room.driver.write(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${bounds.systemRejectionsPerSenderMax})
         INSERT INTO idempotency_records (principal, draft_id, fingerprint, problem, created_at)
         SELECT 'timer:x' || i, 'f', zeroblob(32), x'7b7d', ${start} FROM n`,
      ),
    );
    room.until(start + minute);
    expect(room.stored).toBe(0);
    const kept = rejections(room);
    // Many go at once: to find the oldest reads all.
    expect(kept).toHaveLength(bounds.systemRejectionsPerSenderMax - 99);
    expect(kept[0]).toEqual({ principal: "timer:x101", draft_id: "f" });
    expect(kept.at(-1)).toMatchObject({ principal: "timer:bad" });
  });

  it("[ER-9] [LC-14] on which the model fails is tried again after a stored delay, and keeps no other from firing", () => {
    const room = new Room();
    room.client("a").submit("fails", "fail", { fails: true });
    room.cause(ring("brittle"), ring("good"));
    room.until(start + minute);
    expect(room.rung).toEqual(["good"]);
    expect(room.partition.nextDue).toBe(room.now + 5_000);
    room.restart();
    expect(room.partition.nextDue).toBe(room.now + 5_000);
    room.until(room.now + 5_000);
    expect(room.partition.nextDue).toBe(room.now + 7_500);
    room.client("a").submit("works", "fail", { fails: false });
    room.until(start + 2 * minute);
    expect(room.rung).toEqual(["good", "brittle"]);
    expect(room.stored).toBe(0);
  });

  it.each([
    ["its draft", "payload = x'ff'", { type: "ring" }],
    ["its pattern", "cron = 'whenever'", { type: "ring", payload: { name: "bad" } }],
    ["its time zone", "time_zone = 'Nowhere/City'", { type: "ring", payload: { name: "bad" } }],
  ])("[LC-8] [TX-12] [TX-15] that is damaged is a dead letter, and its neighbours fire: %s", (_, damage, content) => {
    const room = new Room();
    const daily = { cron: "* * * * *", timeZone: "UTC" };
    room.cause(ring("bad", daily), ring("worse", daily), ring("good", daily));
    room.driver.transaction(() => room.driver.write(`UPDATE timers SET ${damage} WHERE key IN ('bad', 'worse')`));
    room.until(room.partition.nextDue!);
    expect(room.rung).toEqual(["good"]);
    expect(room.stored).toBe(1);
    expect(room.logged).toMatchObject([
      { level: "error", fields: { timer: "bad" } },
      { level: "error", fields: { timer: "worse" } },
    ]);
    const letters = room.partition.deadLetters!.list(undefined, 10, room.now);
    expect(letters).toMatchObject([
      { kind: "timer", destination: "bad", reason: "damaged", eventId: 1, n: 64 },
      { kind: "timer", destination: "worse", reason: "damaged", eventId: 1, n: 65 },
    ]);
    const id = effectIdOf(letters[0]!);
    const answer = JSON.parse(answerDeadLetter(room.partition.deadLetters!.find(id, room.now)).body!) as object;
    expect(answer).toMatchObject({ effectId: id, timestamp: letters[0]!.createdAt, ...content });
    expect(() => room.partition.deadLetters!.replay(id, room.now)).toThrow("damaged");
    for (const letter of letters) room.partition.deadLetters!.discard(effectIdOf(letter), room.now);
    room.restart();
    expect(room.partition.deadLetters!.list(undefined, 10, room.now)).toEqual([]);
    room.until(room.now + minute);
    expect(room.rung).toEqual(["good", "good"]);
  });

  it("[LC-8] [TX-12] that recurs waits where the Worker has no recurring timers, and goes on with one that has", () => {
    const room = new Room();
    const often = { cron: "* * * * *", timeZone: "UTC" };
    room.cause(ring("often", often), ring("once"));
    room.recurs = false;
    room.restart();
    room.until(start + 2 * minute);
    expect(room.rung).toEqual(["once"]);
    expect(room.stored).toBe(1);
    expect(room.partition.deadLetters!.list(undefined, 10, room.now)).toEqual([]);
    expect(room.logged[0]).toMatchObject({ fields: { timer: "often", code: "not_configured" } });
    expect(room.cause(ring("more", often))).toMatchObject({ type: "error", payload: { code: "draft_failed" } });
    room.recurs = true;
    room.restart();
    room.until(room.now + 10 * minute);
    expect(room.rung.slice(0, 3)).toEqual(["once", "often", "often"]);
  });

  it("[LC-8] [TX-12] waits, and an effect with it, where the Worker has neither, and goes on with one that has", () => {
    const room = new Room();
    room.cause(ring("once"), { kind: "queue", queue: "MAIL", payload: {} });
    room.causes = false;
    room.restart();
    expect(room.nextEffect).toBeUndefined();
    room.until(start + 60 * minute);
    expect(room.rung).toEqual([]);
    expect([room.stored, room.logged.map(({ event }) => event)]).toEqual([1, ["effects_not_sent"]]);
    expect(room.cause()).toMatchObject({ type: "event_accepted" });
    room.causes = true;
    room.restart();
    expect(room.nextEffect).toMatchObject({ kind: "queue", destination: "MAIL" });
    room.until(room.now + minute);
    expect(room.rung).toEqual(["once"]);
  });

  it("[BD-1] [LC-8] [TX-12] that is damaged waits where there is no room for a dead letter, and its neighbours fire", () => {
    const room = new Room();
    room.cause(ring("bad"), ring("good"));
    room.driver.transaction(() => {
      room.driver.write("UPDATE timers SET payload = x'ff' WHERE key = 'bad'");
      room.driver.write(
        `INSERT INTO dead_letters SELECT 1, 999, '0', 'queue', 'mail', x'7b7d', '', 1, 1, 1, 1, 'refused', x'7b7d'`,
      );
    });
    room.until(start + minute);
    expect(room.rung).toEqual(["good"]);
    expect(room.stored).toBe(1);
    expect(room.partition.nextDue).toBe(room.now + 5_000);
    room.until(room.now + 5_000);
    // Another event is the last of the log: there is room after it.
    expect(room.stored).toBe(0);
  });

  it("[BD-4] [LC-10] waits where nothing can be decided, with nothing written", () => {
    const driver = new BilledDriver();
    const room = new Room(driver);
    room.cause(ring("one"), ring("two"));
    room.partition.limit({ ...room.partition.limits, logBytes: 1 });
    const before = driver.rowsWritten;
    const alarms = room.until(start + 2 * minute);
    expect(alarms).toBeLessThan(8);
    expect(driver.rowsWritten).toBe(before);
    room.partition.limit({ ...room.partition.limits, logBytes: null });
    room.until(start + 10 * minute);
    expect(room.rung).toEqual(["one", "two"]);
  });

  it("[AU-4] [LC-7] has no token: that its name is revoked neither keeps it from firing nor has alarms follow each other", () => {
    const room = new Room();
    room.cause(ring("one"));
    room.partition.revoke(({ principal }) => principal.startsWith("timer:"), room.now);
    room.now = start + minute;
    room.runDue();
    expect(room.rung).toEqual(["one"]);
    expect(room.partition.nextDue).toBeGreaterThan(room.now + minute);
  });

  it("[LC-4] waits until a drain is over", () => {
    const room = new Room();
    room.cause(ring("one"));
    room.partition.keepDrain(start + 2 * minute, room.now);
    room.until(start + 2 * minute - 1);
    expect(room.rung).toEqual([]);
    room.until(start + 2 * minute);
    expect(room.rung).toEqual(["one"]);
  });

  it("[TX-3] [TX-12] is decided and its timer is done in one transaction, whatever statement fails", () => {
    class Failing extends NodeSqlDriver {
      failAt = Infinity;
      statements = 0;
      #next(): void {
        if (++this.statements === this.failAt) throw new Error("the disk failed");
      }
      override query(sql: string, ...values: SqlValue[]) {
        this.#next();
        return super.query(sql, ...values);
      }
      override write(sql: string, ...values: SqlValue[]) {
        this.#next();
        return super.write(sql, ...values);
      }
      override wrote(sql: string, ...values: SqlValue[]) {
        this.#next();
        return super.wrote(sql, ...values);
      }
    }
    const counts = (driver: NodeSqlDriver) =>
      driver.query("SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM timers) AS timers")[0];
    let failures = 0;
    for (let failAt = 1; ; failAt++) {
      const driver = new Failing();
      const room = new Room(driver);
      room.cause(ring("one", undefined, { name: "one", effects: [ring("next", { at: start + 2 * minute })] }));
      room.now = start + minute;
      driver.statements = 0;
      driver.failAt = failAt;
      // What cannot even be loaded is for the platform, which lets the alarm come again.
      try {
        room.runDue();
      } catch {}
      driver.failAt = Infinity;
      const failed = driver.statements >= failAt;
      if (failed && room.partition.nextDue !== undefined) expect(room.partition.nextDue).toBeGreaterThan(start);
      expect([
        { events: 1, timers: 1 },
        { events: 2, timers: 1 },
      ]).toContainEqual(counts(driver));
      if (failed) failures++;
      room.runDue();
      room.until(start + 3 * minute);
      expect(room.rung).toEqual(["one", "next"]);
      if (!failed) break;
    }
    expect(failures).toBeGreaterThan(4);
  });
});

describe("a timer that recurs", () => {
  const daily = { cron: "0 9 * * *", timeZone: "Europe/Berlin" };
  const hour = 60 * minute;

  it("[TX-12] fires at each of its times, and once for all that were missed", () => {
    const room = new Room();
    room.cause(ring("often", { cron: "*/10 * * * *", timeZone: "UTC" }));
    // 22:13:20: the next are 22:20 and 22:30.
    const first = start + 6 * minute + 40_000;
    room.until(first + 10 * minute);
    expect(room.rung).toHaveLength(2);
    room.now += 3 * hour;
    room.restart();
    room.until(room.now);
    expect(room.rung).toHaveLength(3);
    const last = room.driver.query("SELECT draft_id FROM events ORDER BY event_id DESC LIMIT 1");
    expect(last).toEqual([{ draft_id: `timer:often:${first + 20 * minute}` }]);
    expect(room.partition.nextDue).toBe(first + 3 * hour + 20 * minute);
    room.cause(cancel("often"));
    room.until(room.now + hour);
    expect(room.rung).toHaveLength(3);
  });

  it("[TX-12] keeps its time of day where clocks are set forward and back", () => {
    const at = (text: string) => Date.parse(text);
    const nights = { cron: "30 2 * * *", timeZone: "Europe/Berlin" };
    expect(nextOccurrence(daily, at("2026-03-28T12:00Z"))).toBe(at("2026-03-29T07:00Z"));
    expect(nextOccurrence(daily, at("2026-03-27T12:00Z"))).toBe(at("2026-03-28T08:00Z"));
    // There is no 02:30 on the 29th of March 2026, and two on the 25th of October.
    expect(nextOccurrence(nights, at("2026-03-28T12:00Z"))).toBe(at("2026-03-29T01:00Z"));
    expect(nextOccurrence(nights, at("2026-10-24T12:00Z"))).toBe(at("2026-10-25T00:30Z"));
    expect(nextOccurrence(nights, at("2026-10-25T00:30Z"))).toBe(at("2026-10-26T01:30Z"));
  });

  it("[TX-12] is written once, however often the same is stated", () => {
    const driver = new BilledDriver();
    const room = new Room(driver);
    room.cause(ring("daily", daily));
    const due = room.partition.nextDue;
    const rows = () => {
      const before = driver.rowsWritten;
      room.cause(ring("daily", daily));
      return driver.rowsWritten - before;
    };
    room.now += minute;
    expect([rows(), rows()]).toEqual([2, 2]);
    expect(room.partition.nextDue).toBe(due);
  });
});

describe("many timers", () => {
  it("[BD-4] [TX-12] are bounded: what would set another one is refused, everything else is decided", () => {
    const room = new Room();
    const at = { at: start + minute };
    for (let from = 0; from < bounds.timersMax; from += 50)
      expect(room.cause(...Array.from({ length: 50 }, (_, i) => ring(`k${from + i}`, at))).type).toBe("event_accepted");
    const refused = { type: "error", payload: { code: "too_many_timers", status: 507, retryable: false } };
    expect(room.cause(ring("one-more"))).toMatchObject(refused);
    expect(room.logged.filter(({ level }) => level === "warn").map(({ fields }) => fields)).toMatchObject([
      { resource: "timers", used: 7_500, max: bounds.timersMax, percent: 75 },
      { resource: "timers", used: 9_000, max: bounds.timersMax, percent: 90 },
    ]);
    room.restart();
    expect(room.cause(ring("one-more"))).toMatchObject(refused);
    expect(room.partition.usages(room.now)["timers"]).toEqual({ used: bounds.timersMax, max: bounds.timersMax });
    expect(room.cause(ring("k1", { at: start + 2 * minute })).type).toBe("event_accepted");
    expect(room.cause(cancel("k2"), ring("one-more")).type).toBe("event_accepted");
    expect(room.stored).toBe(bounds.timersMax);
  });

  it("[BD-4] [TX-12] are bounded in bytes", () => {
    const room = new Room();
    const large = { name: "x".repeat(60_000) };
    let set = 0;
    while (room.cause(ring(`k${set}`, undefined, large)).type === "event_accepted") set++;
    expect(set).toBe(Math.floor(bounds.timersBytesMax / JSON.stringify(large).length));
  });

  it("[BD-1] [LC-10] [TX-12] that are due after a long sleep fire in bounded parts, in their order, while others commit", () => {
    const room = new Room();
    const count = bounds.timersMax;
    for (let from = 0; from < count; from += 50)
      room.cause(
        ...Array.from({ length: 50 }, (_, i) =>
          ring(`k${from + i}`, { at: start + minute + (((from + i) * 7) % count) }),
        ),
      );
    room.now += 30 * 24 * 60 * minute;
    room.restart();
    const commits: number[] = [];
    let alarms = 0;
    for (; room.stored > 0; alarms++) {
      const before = room.partition.standing(room.now).head;
      expect(room.partition.nextDue).toBeLessThanOrEqual(room.now);
      room.runDue();
      commits.push(room.partition.standing(room.now).head - before);
      expect(room.cause().type).toBe("event_accepted");
    }
    expect(Math.max(...commits)).toBeLessThanOrEqual(bounds.timersFiredMax);
    expect(alarms).toBeGreaterThanOrEqual(count / bounds.timersFiredMax);
    const order = room.rung.map((key) => (Number(key.slice(1)) * 7) % count);
    expect(order).toHaveLength(count);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  it("[AU-5] that set themselves again have a rate, and leave the rest to users", () => {
    const room = new Room();
    const keys = Array.from({ length: 60 }, (_, at) => `k${at}`);
    for (const key of keys) {
      room.cause(ring(key, { cron: "* * * * * *", timeZone: "UTC" }));
      for (let more = 1; more < 3; more++) room.cause(ring(`${key}.${more}`, { cron: "* * * * * *", timeZone: "UTC" }));
    }
    const seconds = 300;
    room.until(start + seconds * 1_000);
    const most = bounds.systemDraftsBurst + (seconds + 1) * bounds.systemDraftsPerSecond;
    expect(room.rung.length).toBeLessThanOrEqual(most);
    expect(room.rung.length).toBeGreaterThan(most - 300);
  });

  it("[TX-12] take one row to set and one to fire or cancel, and an event without timers none", () => {
    const driver = new BilledDriver();
    const room = new Room(driver);
    room.cause();
    const rows = (act: () => unknown) => {
      const before = driver.rowsWritten;
      act();
      return driver.rowsWritten - before;
    };
    const event = rows(() => room.cause());
    const figures = {
      event,
      set: rows(() => room.cause(ring("one"))) - event,
      replace: rows(() => room.cause(ring("one", { at: start + 2 * minute }))) - event,
      cancel: rows(() => room.cause(cancel("one"))) - event,
      fire:
        rows(() => {
          room.cause(ring("two"));
          room.until(start + minute);
        }) -
        2 * event -
        1,
      recur:
        rows(() => {
          room.cause(ring("three", { cron: "* * * * *", timeZone: "UTC" }));
          room.until(start + 2 * minute);
        }) -
        2 * event -
        1,
    };
    console.log("rows written by a timer, besides its event:", figures);
    expect(figures).toEqual({ event: 2, set: 1, replace: 1, cancel: 1, fire: 1, recur: 1 });
  });
});

describe("the alarm of timers", () => {
  const submit = async (room: TestShell, draftId: string, ...all: object[]) => {
    const draft = { draftId, event: { type: "cause", payload: { effects: all as never } }, expectedEventId: undefined };
    const answer = await room.submit(
      { principal: "dev:a", permissions: "all" },
      { key: draftId, mode: "single", drafts: [draft] },
    );
    expect(answer.status).toBe(201);
  };

  it("[TX-12] is moved only to come earlier: each time is a billed row", async () => {
    const room = new TestShell({ model, effects });
    await submit(room, "first");
    const before = room.alarmsSet;
    await submit(room, "d-1", ring("one"));
    expect([room.armedAt, room.alarmsSet - before]).toEqual([start + minute, 1]);
    await submit(room, "d-2", ring("one", { at: start + 3 * minute }), ring("two", { at: start + 2 * minute }));
    expect([room.armedAt, room.alarmsSet - before]).toEqual([start + minute, 1]);
    await room.alarm();
    expect([room.armedAt, room.alarmsSet - before]).toEqual([start + 2 * minute, 2]);
    await submit(room, "d-3", ring("three", { at: start + 90_000 }));
    expect([room.armedAt, room.alarmsSet - before]).toEqual([start + 90_000, 3]);
  });

  it("[TX-12] [LC-10] comes again where the storage cannot be opened, for as long as that lasts", async () => {
    class Failing extends NodeSqlDriver {
      down = false;
      override query(sql: string, ...values: SqlValue[]) {
        if (this.down && sql.includes("FROM jobs")) throw new Error("the disk is gone");
        return super.query(sql, ...values);
      }
    }
    const driver = new Failing();
    const room = new Room(driver);
    room.cause(ring("one"));
    driver.down = true;
    const shell = new TestShell({ model, effects, driver, armedAt: start + minute, now: start });
    // The platform itself repeats an alarm that has failed six times only.
    for (let at = 0; at < 10; at++) await shell.alarm();
    driver.down = false;
    await shell.alarm();
    expect(driver.query("SELECT * FROM timers")).toEqual([]);
  });

  it("[TX-12] [LC-1] comes after a restart, whatever the clock says", async () => {
    const room = new TestShell({ model, effects });
    await submit(room, "d-1", ring("one"));
    const { driver, armedAt } = room;
    const late = new TestShell({ model, effects, driver, armedAt, now: start + rejectionRetentionMs });
    await late.alarm();
    expect(driver.query("SELECT draft_id FROM events WHERE event_id = 2")).toEqual([
      { draft_id: `timer:one:${start + minute}` },
    ]);
  });
});
