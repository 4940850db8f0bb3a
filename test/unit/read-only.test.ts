import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel } from "../../src/model/index.ts";
import { noLimits } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TenantStorage } from "../../src/storage/tenant/storage.ts";
import { Tenant } from "../../src/tenant/tenant.ts";
import { migrationsIn, type TestConnection, TestPartition } from "../support/partition.ts";

const model = defineModel({
  name: "counting",
  version: 1,
  initialState: () => ({ count: 0, rung: 0 }),
  events: {
    add: {
      payload: z.strictObject({ by: z.int(), at: z.optional(z.int()) }),
      validate: (_, { payload }) =>
        payload.by === 0 ? { field: "payload.by", code: "NOTHING", message: "It adds nothing." } : undefined,
      reduce(state, { payload }) {
        state.count += payload.by;
      },
    },
    ring: { payload: z.strictObject({}), internal: true, reduce: (state) => void state.rung++ },
  },
});
const effects = defineEffects(model, {
  add: (_, { payload: { at } }) =>
    at === undefined ? undefined : { kind: "schedule", key: "bell", type: "ring", payload: {}, at },
});
const readOnly = (...patterns: string[]) => ({ ...noLimits, readOnly: patterns });
const refused = { code: "read_only", status: 503, retryable: true, retryAfter: 30 };

describe("a partition that is read-only", () => {
  it("[LC-11] refuses new drafts without a verdict, answers what was decided, and writes nothing", () => {
    const room = new TestPartition({ model });
    const alice = room.client("alice");
    const accepted = alice.submit("a", "add", { by: 1 });
    const rejected = alice.submit("r", "add", { by: 0 });
    room.partition.limit(readOnly("room"));
    const rows = () => room.driver.query("SELECT COUNT(*) AS n FROM idempotency_records")[0]!["n"];
    const before = rows();
    expect(room.client("bob").submit("b", "add", { by: 1 }).payload).toMatchObject(refused);
    expect(room.client("alice").submit("a", "add", { by: 1 })).toEqual(accepted);
    expect(room.client("alice").submit("r", "add", { by: 0 })).toEqual(rejected);
    expect(room.state()).toEqual({ count: 1, rung: 0 });
    expect(rows()).toBe(before);
    room.partition.limit(noLimits);
    expect(room.client("bob").submit("b", "add", { by: 1 }).type).toBe("event_accepted");
    expect(room.state()).toEqual({ count: 2, rung: 0 });
  });

  it.each([
    [["*"], true],
    [["room"], true],
    [["ro*", "x"], true],
    [["rooms"], false],
    [["room-*"], false],
    [[], false],
  ])("[LC-11] by the patterns %j: %s", (patterns, isReadOnly) => {
    const room = new TestPartition({ model });
    room.partition.limit(readOnly(...patterns));
    const { type } = room.client("alice").submit("a", "add", { by: 1 });
    expect(type).toBe(isReadOnly ? "error" : "event_accepted");
  });

  it("[LC-11] [TX-12] holds timers as they are, and fires each once afterwards", () => {
    const room = new TestPartition({ model, effects });
    const at = room.now + 60_000;
    room.client("alice").submit("a", "add", { by: 1, at });
    const timers = () => room.driver.query("SELECT due_at, attempts FROM timers");
    const before = timers();
    room.partition.limit(readOnly("*"));
    for (let alarm = 0; alarm < 5; alarm++) {
      room.now = Math.max(room.now, room.partition.nextDue!);
      room.runDue();
    }
    expect(timers()).toEqual(before);
    expect(room.state()).toMatchObject({ rung: 0 });
    room.partition.limit(noLimits);
    room.now = room.partition.nextDue!;
    room.runDue();
    expect(room.state()).toMatchObject({ rung: 1 });
    expect(timers()).toEqual([]);
  });
});

describe("connections to a partition that becomes read-only", () => {
  const set = (room: TestPartition, ...patterns: string[]) => {
    room.partition.limit(readOnly(...patterns));
    room.partition.announceReadOnly(room.now);
  };
  const receivedBy = (connection: TestConnection) => connection.of("read_only").map(({ payload }) => payload.readOnly);

  it("[LC-11] [WP-8] learn it after connected and with each change, once, if they have asked for it", () => {
    const room = new TestPartition({ model });
    const asker = room.client("asker", { readOnly: true });
    const other = room.client("other");
    expect(asker.received).toEqual(["connected", "read_only"]);
    set(room, "*");
    set(room, "room");
    expect(receivedBy(asker)).toEqual([false, true]);
    expect(receivedBy(room.client("late", { readOnly: true }))).toEqual([true]);
    set(room, "rooms");
    set(room);
    expect(receivedBy(asker)).toEqual([false, true, false]);
    expect(other.received).toEqual(["connected"]);
  });

  it("[LC-11] [LC-5] learn at once that writes stop, and one after the other that they go on", () => {
    const room = new TestPartition({ model });
    const clients = Array.from({ length: 60 }, (_, at) => room.client(`c${at}`, { readOnly: true }));
    const know = (isReadOnly: boolean) => clients.filter((client) => receivedBy(client).at(-1) === isReadOnly).length;
    set(room, "*");
    expect(know(true)).toBe(60);
    set(room);
    expect(know(false)).toBe(10);
    room.elapse(200);
    expect(know(false)).toBe(30);
    // It is read-only again before all have learned that it was not.
    set(room, "*");
    expect(know(true)).toBe(60);
    room.elapse(60_000);
    expect(know(true)).toBe(60);
    set(room);
    room.elapse(1_000);
    expect(know(false)).toBe(60);
    expect(clients.map((client) => receivedBy(client).length)).toEqual(clients.map((_, at) => (at < 30 ? 5 : 3)));
  });

  it("[LC-11] learn after hibernation what has changed meanwhile, and nothing again", () => {
    const room = new TestPartition({ model });
    const before = [room.client("a", { readOnly: true }), room.client("b")].map(({ saved }) => saved);
    room.restart();
    const [asker, other] = before.map((saved) => room.attach(saved));
    set(room);
    expect(receivedBy(asker!)).toEqual([]);
    set(room, "*");
    expect(receivedBy(asker!)).toEqual([true]);
    expect(other!.received).toEqual([]);
    const { saved } = asker!;
    room.restart();
    const again = room.attach(saved);
    set(room, "*");
    expect(receivedBy(again)).toEqual([]);
  });

  it("[LC-11] [WP-12] keep the order of their drafts, also where it ends between two of them", () => {
    const room = new TestPartition({ model });
    const alice = room.client("alice");
    set(room, "*");
    expect(alice.submit("first", "add", { by: 1 }).payload).toMatchObject(refused);
    set(room);
    expect(alice.submit("second", "add", { by: 2 }).payload).toMatchObject({ code: "read_only", retryable: true });
    expect(alice.submit("first", "add", { by: 1 }).payload).toMatchObject({ eventId: 1 });
    expect(alice.submit("second", "add", { by: 2 }).payload).toMatchObject({ eventId: 2 });
  });
});

describe("a tenant", () => {
  it("[LC-11] keeps which partitions are read-only when its limits are set, and the other way round", () => {
    const tenant = new Tenant(new TenantStorage(new NodeSqlDriver(), migrationsIn("tenant")), noLimits, 0);
    const principal = { perSecond: 1, burst: 2 };
    tenant.setReadOnly(["order-*"], 1);
    tenant.setLimits({ principal }, 2);
    expect(tenant.limits).toEqual({ ...noLimits, principal, readOnly: ["order-*"] });
    tenant.setReadOnly([], 3);
    expect(tenant.override).toEqual({ principal });
  });
});
