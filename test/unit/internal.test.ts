import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { single } from "../../src/core/index.ts";
import { compensationOf } from "../../src/model/compensate.ts";
import { defineModel, State } from "../../src/model/index.ts";
import { type Author, bounds, type JsonObject, noLimits, systemAuthor } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestPartition } from "../support/partition.ts";

const seat = z.strictObject({ seat: z.string() });

const holds = defineModel({
  name: "holds",
  version: 1,
  initialState: () => ({ held: {} as Record<string, string> }),
  events: {
    hold: {
      payload: seat,
      reduce(state, { payload, clientId }) {
        state.held[payload.seat] = clientId;
      },
      compensate: (_, { payload }) => ({ type: "expire", payload: { seat: payload.seat } }),
    },
    expire: {
      payload: seat,
      internal: true,
      validate: (state, { payload }, { principal }) =>
        state.held[payload.seat] === undefined
          ? { field: "payload.seat", code: "FREE", message: `Not held, ${principal}.` }
          : undefined,
      reduce(state, { payload }) {
        delete state.held[payload.seat];
      },
    },
  },
  authorize: (_, { principal }) => principal.startsWith("dev:"),
});

const timer = systemAuthor("timer", "seat-1");

class Holds extends TestPartition {
  #drafts = 0;

  constructor(driver = new NodeSqlDriver()) {
    super({ model: holds, driver });
  }

  decide(author: Author, type: string, payload: JsonObject, draftId = `d-${++this.#drafts}`) {
    const draft = { draftId, event: { type, payload }, expectedEventId: undefined };
    const outcome = this.partition.submit(author, "", single(draft), this.now);
    if (outcome.kind === "refused") return outcome.failure;
    const [result] = outcome.verdict.results;
    return result!.kind === "rejected" ? result!.failure : result!.kind;
  }
}

describe("an internal type", () => {
  it("[MD-17] [AU-3] is forbidden to every token and in open development mode, by a verdict", () => {
    const room = new Holds();
    const alice = room.client("alice");
    expect(alice.submit("d1", "hold", { seat: "1" }).type).toBe("event_accepted");
    const first = alice.submit("d2", "expire", { seat: "1" });
    expect(first).toMatchObject({
      type: "event_rejected",
      payload: { code: "forbidden", layer: "permission", retryable: false },
    });
    expect(alice.submit("d2", "expire", { seat: "1" })).toEqual(first);
    const everything: Author = { principal: "alice", permissions: ["*", "submit:expire"], expiresAt: room.now + 1 };
    expect(room.decide(everything, "expire", { seat: "1" })).toMatchObject({ code: "forbidden" });
    // A token of an earlier version, when the name was not reserved.
    expect(room.decide({ ...everything, principal: "timer:seat-1" }, "expire", { seat: "1" })).toMatchObject({
      code: "forbidden",
    });
    const batch = {
      mode: "atomic",
      batchId: "b",
      events: [{ draftId: "d3", event: { type: "expire", payload: { seat: "1" } } }],
    };
    const [answer] = alice.send("submit_events", batch);
    expect(answer.payload.results).toMatchObject([{ status: "rejected", code: "forbidden" }]);
    expect(room.state()).toEqual({ held: { 1: "alice" } });
  });

  it("[MD-17] is submitted by the server itself: its rules are checked, and not what the state allows users", () => {
    const room = new Holds();
    expect(room.decide(timer, "expire", { seat: "1" })).toMatchObject({
      code: "validation_failed",
      detail: "Not held, timer:seat-1.",
    });
    room.client("alice").submit("d1", "hold", { seat: "1" });
    expect(room.decide(timer, "expire", { seat: "1" })).toBe("accepted");
    expect(room.state()).toEqual({ held: {} });
  });

  it("[MD-17] is not among the types that a client gets", () => {
    expect(new Holds().client("alice").submit("d", "no", {}).payload.detail).toMatch(/; the model has hold\.$/);
  });

  it("[MD-17] [MD-12] is never what undoes an event", () => {
    const event = { type: "hold", payload: { seat: "1" }, timestamp: 1, clientId: "me" };
    expect(compensationOf(holds, new State<object>({ held: {} }), event)).toBe("irreversible");
  });
});

describe("the server itself", () => {
  const fill = (driver: NodeSqlDriver, principal: string, count: number) =>
    driver.transaction(() =>
      driver.write(
        `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
         INSERT INTO idempotency_records (principal, draft_id, fingerprint, problem, created_at)
         SELECT '${principal}', 'f' || i, zeroblob(32), x'7b7d', 1700000000000 FROM n`,
      ),
    );

  it("[MD-17] [AU-5] has its own quota of rejections: neither it nor users stop the other", () => {
    const driver = new NodeSqlDriver();
    const room = new Holds(driver);
    room.client("alice").submit("d1", "hold", { seat: "1" });
    fill(driver, "dev:bob", bounds.rejectionsMax);
    room.restart();
    expect(room.decide(timer, "expire", { seat: "2" })).toMatchObject({ code: "validation_failed" });
    expect(room.client("alice").submit("d2", "expire", { seat: "1" }).payload.code).toBe("rate_limited");

    const other = new NodeSqlDriver();
    const full = new Holds(other);
    full.client("alice").submit("d1", "hold", { seat: "1" });
    for (const kind of ["saga", "job"]) fill(other, `${kind}:x`, bounds.systemRejectionsMax / 2);
    full.restart();
    for (const sender of [timer, systemAuthor("partition", "q")])
      expect(full.decide(sender, "expire", { seat: "2" })).toMatchObject({ code: "validation_failed" });
    expect(full.client("alice").submit("d2", "expire", { seat: "1" }).payload.code).toBe("forbidden");
    expect(full.partition.usages(full.now)["rejections"]).toMatchObject({ used: 1 });
  });

  it("[MD-17] [AU-5] [TX-15] is never refused for want of room: its oldest rejections make room, of the sender or of all", () => {
    const driver = new NodeSqlDriver();
    const room = new Holds(driver);
    room.client("alice").submit("d1", "hold", { seat: "1" });
    const kept = (principal: string) =>
      driver.query("SELECT draft_id FROM idempotency_records WHERE principal = ? ORDER BY record_id", principal);
    fill(driver, "partition:p", bounds.systemRejectionsPerSenderMax);
    room.restart();
    const reject = (name: string, draftId: string) =>
      room.decide(systemAuthor("partition", name), "expire", { seat: "2" }, draftId);
    expect(reject("p", "last")).toMatchObject({ code: "validation_failed" });
    expect(kept("partition:p").length).toBeLessThanOrEqual(bounds.systemRejectionsPerSenderMax);
    expect(kept("partition:p")[0]).not.toEqual({ draft_id: "f1" });
    expect(kept("partition:p").at(-1)).toEqual({ draft_id: "last" });

    for (const name of ["q", "r", "s", "t", "u"]) fill(driver, `partition:${name}`, bounds.systemRejectionsMax / 5);
    room.restart();
    expect(reject("new", "first")).toMatchObject({ code: "validation_failed" });
    const all = driver.query("SELECT count(*) AS n FROM idempotency_records WHERE principal LIKE 'partition:%'");
    expect(all[0]!["n"]).toBeLessThanOrEqual(bounds.systemRejectionsMax);
    expect(kept("partition:new")).toHaveLength(1);
  });

  it("[MD-17] [AU-5] has its own rate, which all timers share, and takes nothing of that of the tenant", () => {
    const room = new Holds();
    const once = { perSecond: 0.001, burst: 1 };
    room.partition.limit({ ...noLimits, principal: once, tenant: once, eventTypes: { hold: once } });
    for (let at = 0; at < bounds.systemDraftsBurst; at++)
      expect(room.decide(systemAuthor("timer", `${at}`), "hold", { seat: "1" })).toBe("accepted");
    expect(room.decide(timer, "hold", { seat: "1" })).toMatchObject({ code: "rate_limited" });
    expect(room.decide(systemAuthor("partition", "p"), "hold", { seat: "1" })).toBe("accepted");
    room.now += 1_000;
    for (let at = 0; at < bounds.systemDraftsPerSecond; at++)
      expect(room.decide(timer, "hold", { seat: "1" })).toBe("accepted");
    expect(room.decide(timer, "hold", { seat: "1" })).toMatchObject({ code: "rate_limited" });
    expect(room.asked).toEqual([]);
  });
});
