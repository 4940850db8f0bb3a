import { describe, expect, it, vi } from "vitest";
import * as z from "zod/mini";
import { Meter } from "../../src/core/decide/meter.ts";
import { type AnyModel, defineModel } from "../../src/model/index.ts";
import { bounds } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { type TestConnection, TestPartition } from "../support/partition.ts";

/** A driver that counts the reads of events, and fails the next commit on request. */
class WatchedDriver extends NodeSqlDriver {
  reads = 0;
  failsNext = false;
  override query(sql: string, ...values: Parameters<NodeSqlDriver["query"]>[1][]) {
    if (sql.startsWith("SELECT * FROM events WHERE event_id >")) this.reads++;
    return super.query(sql, ...values);
  }
  override transaction<T>(body: () => T): T {
    return super.transaction(() => {
      const result = body();
      if (this.failsNext) {
        this.failsNext = false;
        throw new Error("disk full");
      }
      return result;
    });
  }
}

const large = "x".repeat(60_000);
const payloadBytes = JSON.stringify({ target: "n", value: large }).length;
const set = (connection: TestConnection, draftId: string, target: string, value: unknown, expectedEventId?: number) =>
  connection.submit(draftId, "set", { target, value }, expectedEventId === undefined ? {} : { expectedEventId })
    .payload;

describe("the events that a conflict check considers", () => {
  it("[BD-1] [TX-7] are bounded in bytes: behind more than that, expectedEventId is too stale", () => {
    const room = new TestPartition();
    const [a, b] = [room.client("a"), room.client("b")];
    const within = Math.floor(bounds.conflictBytesMax / payloadBytes);
    // From here on they follow the log.
    set(a, "in-use", "other", 1, 0);
    for (let at = 1; at <= within + 3; at++) set(b, `b-${at}`, "n", large);
    const newest = within + 4;
    for (const incarnation of ["warm", "cold"]) {
      if (incarnation === "cold") room.restart();
      const reader = incarnation === "cold" ? room.client("a") : a;
      const oldest = newest - within;
      const stale = set(reader, `stale-${incarnation}`, "n", 1, oldest - 1);
      expect(stale).toMatchObject({ reason: "too_stale", status: 409, layer: "conflict" });
      expect(stale.detail).toContain("MiB");
      expect(set(reader, `conflict-${incarnation}`, "n", 1, oldest)).toMatchObject({
        reason: "conflict",
        conflictingEventIds: Array.from({ length: Math.min(within, 20) }, (_, at) => oldest + 1 + at),
      });
    }
    expect(set(room.client("c"), "other", "m", 1, newest - within)).toMatchObject({ eventId: newest + 1 });
  });

  it("[BD-1] [TX-7] are read once, for all drafts of a batch and for later ones", () => {
    const driver = new WatchedDriver();
    const room = new TestPartition({ driver });
    const [a, b] = [room.client("a"), room.client("b")];
    for (let at = 1; at <= 50; at++) set(b, `b-${at}`, "n", at);
    driver.reads = 0;
    const events = Array.from({ length: 50 }, (_, at) => ({
      draftId: `m-${at}`,
      event: { type: "set", payload: { target: `other-${at}`, value: 1 } },
      expectedEventId: 1,
    }));
    const [result] = a.send("submit_events", { batchId: "batch", mode: "atomic", events });
    expect(result.payload.results[0].status).toBe("accepted");
    set(a, "later", "n", 1, 1);
    set(b, "b-last", "n", 1);
    expect(set(a, "last", "n", 1, 100)).toMatchObject({ reason: "conflict", conflictingEventIds: [101] });
    expect(driver.reads).toBe(1);
  });

  it("[MD-15] [TX-7] count as work of the draft, the same whether they are in memory or not", () => {
    const room = new TestPartition();
    const [a, b] = [room.client("a"), room.client("b")];
    for (let at = 1; at <= 900; at++) set(b, `b-${at}`, "n", at);
    const add = vi.spyOn(Meter.prototype, "add");
    set(a, "cold", "other", 1, 0);
    set(a, "warm", "other", 1, 1);
    set(a, "own", "other", 1, 900);
    set(a, "conflict", "n", 1, 0);
    room.restart();
    set(room.client("a"), "again", "other", 1, 1);
    set(room.client("a"), "none", "other", 1);
    // 900, 900 with an own one, 2, the 20 that are listed, 902.
    expect(add.mock.calls.map(([units]) => units)).toEqual([57, 57, 1, 2, 57]);
    add.mockRestore();
  });

  it("[TX-7] [TX-3] after a commit that failed, its events are not among them", () => {
    const driver = new WatchedDriver();
    const room = new TestPartition({ driver });
    const [a, b] = [room.client("a"), room.client("b")];
    set(b, "b-1", "n", 1);
    expect(set(a, "first", "n", 1, 0).reason).toBe("conflict");
    driver.failsNext = true;
    expect(set(b, "lost", "n", 2).code).toBe("storage_unavailable");
    expect(set(a, "second", "n", 3, 1)).toMatchObject({ eventId: 2 });
    expect(set(room.client("c"), "third", "n", 3, 1)).toMatchObject({ reason: "conflict", conflictingEventIds: [2] });
  });

  it("[TX-7] [BD-1] are forgotten when nothing is checked for long, which changes no verdict", () => {
    const driver = new WatchedDriver();
    const room = new TestPartition({ driver });
    const [a, b] = [room.client("a"), room.client("b")];
    set(b, "b-0", "n", 0);
    set(a, "a-0", "n", 0, 0);
    for (let at = 1; at <= bounds.conflictEventsMax + 5; at++) set(b, `b-${at}`, "n", at);
    driver.reads = 0;
    expect(set(a, "a-1", "n", 0, 5).reason).toBe("too_stale");
    expect(set(a, "a-2", "n", 0, bounds.conflictEventsMax + 5)).toMatchObject({
      reason: "conflict",
      conflictingEventIds: [bounds.conflictEventsMax + 6],
    });
    expect(driver.reads).toBeGreaterThan(0);
  });

  it("[TX-7] [MD-4] their entities are those of the model today, and a model that fails fails the draft alone", () => {
    const payload = z.looseObject({ key: z.optional(z.string()), name: z.optional(z.string()) });
    const versions = (entity: (key: string) => string) =>
      defineModel({
        name: "renamed",
        version: 1,
        initialState: () => ({}) as Record<string, number>,
        events: {
          put: {
            payload,
            version: 2,
            upcast: { 1: (old: { name?: unknown }) => ({ key: old.name as string }) },
            entity: ({ payload: { key } }: { payload: { key?: string } }) => entity(key!),
            reduce: (state: Record<string, number>, event: { payload: { key?: string } }) =>
              void (state[event.payload.key!] = 1),
          },
        },
      } as never) as AnyModel;
    const room = new TestPartition({ model: versions((key) => key), name: "renamed-1" });
    const put = (connection: TestConnection, draftId: string, key: string, expectedEventId: number) =>
      connection.submit(draftId, "put", { key }, { version: 2, expectedEventId }).payload;
    room.client("b").submit("old", "put", { name: "k" });
    const a = room.client("a");
    expect(put(a, "d1", "k", 0).reason).toBe("conflict");
    expect(put(a, "d2", "other", 0).eventId).toBe(2);
    room.restart(
      versions((key) => {
        if (key === "k") throw new Error("cannot say");
        return key;
      }),
    );
    const c = room.client("c");
    expect(put(c, "d3", "third", 0).code).toBe("draft_failed");
    expect(put(c, "d4", "third", 0).code).toBe("draft_failed");
    expect(put(c, "d5", "third", 2).eventId).toBe(3);
  });
});
