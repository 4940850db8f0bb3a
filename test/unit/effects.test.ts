import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { assertServed, defineEffects, type Effect } from "../../src/model/effects.ts";
import { defineModel } from "../../src/model/index.ts";
import { single } from "../../src/core/index.ts";
import { bounds, type JsonObject, systemAuthor } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import type { SqlValue } from "../../src/storage/driver.ts";
import { BilledDriver } from "../bench/billed-driver.ts";
import { TestPartition } from "../support/partition.ts";

/** A model whose event `cause` says itself what it causes. */
const model = defineModel({
  name: "causing",
  version: 1,
  initialState: () => ({ count: 0 }),
  events: {
    cause: {
      payload: z.strictObject({ effects: z.array(z.looseObject({})), refused: z.optional(z.boolean()) }),
      validate: (_, { payload }) =>
        payload.refused ? { field: "payload", code: "FULL", message: "It is full." } : undefined,
      reduce: (state) => void state.count++,
    },
    quiet: { payload: z.strictObject({}), reduce: (state) => void state.count++ },
    answered: { payload: z.looseObject({}), reduce: (state) => void state.count++ },
  },
});
const effects = defineEffects(model, { cause: (_, { payload }) => payload.effects as unknown as Effect[] });

const submitTo = (partition: string, payload: object = {}): object => ({
  kind: "submit",
  partition,
  type: "add",
  payload,
});
const opened = (driver = new NodeSqlDriver() as NodeSqlDriver | BilledDriver) =>
  new TestPartition({ model, effects, driver });
const cause = (room: TestPartition, draftId: string, ...caused: object[]) =>
  room.client("a").submit(draftId, "cause", { effects: caused });
const outbox = ({ driver }: TestPartition) =>
  driver
    .query("SELECT event_id, n, kind, destination, body, correlation_id, hops FROM outbox ORDER BY event_id, n")
    .map((row) =>
      Object.assign(row, { body: JSON.parse(new TextDecoder().decode(row["body"] as Uint8Array)) as object }),
    );

describe("declarations of effects", () => {
  it("[TX-12] [MD-7] are refused where they would never happen, or where a model has several", () => {
    expect(() => assertServed([effects], [model])).not.toThrow();
    expect(() => assertServed([effects], [{ ...model }])).toThrow("no partition is served by this model");
    expect(() => assertServed([effects, defineEffects(model, {})], [model])).toThrow("declared twice");
  });
});

describe("effects of a commit", () => {
  it("[TX-12] are rows of its transaction, in their order, under ids of the event", () => {
    const room = opened();
    expect(
      cause(room, "d-1", submitTo("other", { x: 1 }), { kind: "queue", queue: "MAIL", payload: {} }),
    ).toMatchObject({
      type: "event_accepted",
    });
    expect(cause(room, "d-2", { kind: "webhook", type: "paid", payload: {}, ordered: true }).type).toBe(
      "event_accepted",
    );
    expect(outbox(room)).toEqual([
      {
        event_id: 1,
        n: 0,
        kind: "submit",
        destination: "other",
        correlation_id: "0000000000000001:1",
        hops: 1,
        body: { partition: "other", type: "add", payload: { x: 1 } },
      },
      {
        event_id: 1,
        n: 1,
        kind: "queue",
        destination: "MAIL",
        correlation_id: "0000000000000001:1",
        hops: 1,
        body: { queue: "MAIL", payload: {} },
      },
      {
        event_id: 2,
        n: 0,
        kind: "webhook",
        destination: "",
        correlation_id: "0000000000000001:2",
        hops: 1,
        body: { type: "paid", payload: {}, ordered: true },
      },
    ]);
  });

  it("[TX-12] happen once, however often the draft comes", () => {
    const room = opened();
    for (let time = 0; time < 3; time++) cause(room, "d-1", submitTo("other"));
    expect(outbox(room)).toHaveLength(1);
  });

  it("[TX-12] of a draft that is rejected are none", () => {
    const room = opened();
    const refused = { effects: [submitTo("other")], refused: true };
    expect(room.client("a").submit("d-1", "cause", refused).type).toBe("event_rejected");
    expect(outbox(room)).toEqual([]);
  });

  it.each([
    ["an unknown kind", [{ kind: "mail", payload: {} }]],
    ["no partition", [submitTo("not a name")]],
    ["itself", [submitTo("room")]],
    ["a type that it does not have", [{ ...submitTo("other"), rejectedAs: "nothing" }]],
    ["a type that clients can submit", [{ ...submitTo("other"), acceptedAs: "quiet" }]],
    ["no version", [{ ...submitTo("other"), version: 0.5 }]],
    ["a timer of no version", [{ kind: "schedule", key: "k", type: "quiet", payload: {}, at: 0, version: "1" }]],
    ["no payload", [{ kind: "queue", queue: "MAIL" }]],
    ["a name that no binding has", [{ kind: "queue", queue: "a-b", payload: {} }]],
    ["too many", Array.from({ length: bounds.effectsPerEventMax + 1 }, () => submitTo("other"))],
    ["too large", [submitTo("other", { text: "ü".repeat(bounds.effectBytesMax / 2) })]],
  ])("[TX-12] [MD-7] what must not be returned is a fault of the model, and leaves nothing: %s", (_, caused) => {
    const room = new TestPartition({
      model,
      effects: defineEffects(model, { cause: () => caused as unknown as Effect[] }),
    });
    expect(cause(room, "d-1")).toMatchObject({ type: "error", payload: { code: "draft_failed" } });
    expect(outbox(room)).toEqual([]);
    expect(room.state()).toEqual({ count: 0 });
    expect(room.logged).toMatchObject([{ message: "the model failed on a draft" }]);
  });

  it("[TX-12] of an atomic batch are those of its events, over the state after each", () => {
    const room = new TestPartition({
      model,
      effects: defineEffects(model, {
        quiet: ({ count }, _, { eventId, principal, partition }) => ({
          ...(submitTo("other", { count, eventId, principal, partition }) as Effect & { kind: "submit" }),
        }),
      }),
    });
    const drafts = ["m-1", "m-2"].map((draftId) => ({ draftId, event: { type: "quiet", payload: {} } }));
    room.client("a").send("submit_events", { batchId: "b", mode: "atomic", partition: "room", events: drafts });
    expect(outbox(room).map(({ body }) => (body as { payload: object }).payload)).toEqual([
      { count: 1, eventId: 1, principal: "dev:a", partition: "room" },
      { count: 2, eventId: 2, principal: "dev:a", partition: "room" },
    ]);
  });

  it("[TX-12] [BD-1] of an atomic batch are bounded: the batch is rejected, with nothing written", () => {
    const room = opened();
    const many = Array.from({ length: bounds.effectsPerEventMax }, () => submitTo("other"));
    const drafts = Array.from({ length: bounds.effectsPerBatchMax / bounds.effectsPerEventMax + 1 }, (_, at) => ({
      draftId: `m-${at}`,
      event: { type: "cause", payload: { effects: many } },
    }));
    const send = (batchId: string, events: object[]) =>
      room.client("a").send("submit_events", { batchId, mode: "atomic", partition: "room", events })[0];
    expect(send("b-1", drafts).payload.results.at(-1)).toMatchObject({
      status: "rejected",
      code: "draft_too_expensive",
      work: { max: bounds.effectsPerBatchMax },
    });
    expect(outbox(room)).toEqual([]);
    expect(send("b-2", drafts.slice(1)).payload.results.at(-1)).toMatchObject({ status: "accepted" });
    expect(outbox(room)).toHaveLength(bounds.effectsPerBatchMax);
  });

  it("[TX-12] [BD-1] that wait are bounded: what would cause another one is not decided, everything else is", () => {
    const room = opened();
    const many = Array.from({ length: bounds.effectsPerEventMax }, () => submitTo("other"));
    const events = Math.floor(bounds.outboxRowsMax / bounds.effectsPerEventMax);
    for (let at = 0; at < events; at++) expect(cause(room, `d-${at}`, ...many).type).toBe("event_accepted");
    const refused = { type: "error", payload: { code: "overloaded", retryAfter: 10 } };
    expect(cause(room, "one-more", ...many)).toMatchObject(refused);
    room.restart();
    expect(cause(room, "one-more", ...many)).toMatchObject(refused);
    expect(room.client("a").submit("q", "quiet", {}).type).toBe("event_accepted");
    expect(outbox(room)).toHaveLength(events * bounds.effectsPerEventMax);
  });

  it("[TX-13] [BD-4] of a circle become dead letters as long as there is room, and then nothing causes another one", () => {
    const driver = new NodeSqlDriver();
    const room = opened(driver);
    cause(room, "first");
    const from = systemAuthor("partition", "other");
    const circle = (draftId: string) => {
      const event = { type: "cause", payload: { effects: [submitTo("other")] as JsonObject[] } };
      const draft = { draftId, event, expectedEventId: undefined };
      const cause = { correlationId: "c", hops: bounds.effectHopsMax };
      return room.partition.submit(from, "other", single({ ...draft, cause }), room.now);
    };
    expect(circle("e-1").kind).toBe("decided");
    driver.transaction(() =>
      driver.write(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${bounds.deadLettersMax - 2})
         INSERT INTO dead_letters SELECT 1, i, incarnation, kind, destination, body, correlation_id, hops, created_at,
           queued_at, died_at, reason, detail FROM n, dead_letters`,
      ),
    );
    room.restart();
    expect(circle("e-2").kind).toBe("decided");
    expect(circle("e-3")).toMatchObject({ kind: "refused", failure: { code: "overloaded", retryAfter: 60 } });
    expect(driver.query("SELECT count(*) AS n FROM dead_letters")).toEqual([{ n: bounds.deadLettersMax }]);
  });

  it("[TX-12] take one row each, and an event without effects none", () => {
    const driver = new BilledDriver();
    const room = opened(driver);
    const client = room.client("a");
    client.submit("first", "quiet", {});
    const rows = (draftId: string, type: string, payload: object) => {
      const before = driver.rowsWritten;
      client.submit(draftId, type, payload);
      return driver.rowsWritten - before;
    };
    expect(rows("d-1", "quiet", {})).toBe(2);
    expect(rows("d-2", "cause", { effects: [] })).toBe(2);
    expect(rows("d-3", "cause", { effects: [submitTo("a"), submitTo("b"), submitTo("c")] })).toBe(5);
  });

  it("[TX-12] [TX-4] a fault at every statement of a commit with effects leaves nothing behind", () => {
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
    const drafts = [
      [
        "submit_event",
        { draftId: "d-1", event: { type: "cause", payload: { effects: [submitTo("a"), submitTo("b")] } } },
      ],
      [
        "submit_events",
        {
          batchId: "b-1",
          mode: "atomic",
          partition: "room",
          events: ["m-1", "m-2"].map((draftId) => ({
            draftId,
            event: { type: "cause", payload: { effects: [submitTo("a"), submitTo("b")] } },
          })),
        },
      ],
    ] as const;
    for (const [type, payload] of drafts) {
      let failures = 0;
      for (let failAt = 1; ; failAt++) {
        const driver = new Failing();
        const room = opened(driver);
        const client = room.client("a");
        client.submit("first", "quiet", {});
        driver.statements = 0;
        driver.failAt = failAt;
        const [answer] = client.send(type, payload);
        driver.failAt = Infinity;
        const rows = outbox(room).length;
        const events = room.partition.standing(room.now).head - 1;
        expect(rows).toBe(events * 2);
        if (answer.type !== "error") break;
        failures++;
        expect(answer.payload.code).toBe("storage_unavailable");
        expect(events).toBe(0);
        expect(client.send(type, payload)[0].type).not.toBe("error");
        expect(outbox(room)).toHaveLength(type === "submit_event" ? 2 : 4);
      }
      expect(failures).toBeGreaterThan(2);
    }
  });
});
