import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { courierBounds } from "../../../src/courier/bounds.ts";
import { Courier } from "../../../src/courier/courier.ts";
import { Dispatcher, type DispatcherPorts } from "../../../src/courier/dispatcher.ts";
import type { Outcome } from "../../../src/courier/outcome.ts";
import type { CourierRow, Endpoint } from "../../../src/platform/courier-api.ts";
import { CourierStorage } from "../../../src/storage/courier/storage.ts";
import { NodeSqlDriver } from "../../../src/storage/node.ts";
import { migrationsIn } from "../../support/partition.ts";

const start = 1_700_000_000_000;
const day = 24 * 60 * 60_000;
const failed: Outcome = { kind: "failed", status: 500, reason: "The status was 500.", final: false };
const refused: Outcome = { kind: "failed", status: 400, reason: "The status was 400.", final: true };

const row = (n: number, more: Partial<CourierRow> = {}): CourierRow => ({
  effectId: `aa:${n}:0`,
  type: "order.paid",
  payload: `{"n":${n}}`,
  timestamp: start,
  partition: "room",
  ...more,
});

/** A dispatcher on a clock of the test, with its alarm. */
class World {
  now = start;
  alarmAt: number | undefined;
  alarmsSet = 0;
  asked = 0;
  outcome: Outcome = { kind: "delivered", status: 200 };
  sent: string[] = [];
  readonly counts: Record<string, number> = {};
  endpoint: Endpoint | undefined = {
    id: "billing",
    url: "https://example.com/",
    state: "active",
    paused: false,
    createdAt: 0,
    ownHost: "partita.example.com",
    secrets: [],
  };
  readonly courier: Courier;
  readonly ports: DispatcherPorts;
  readonly dispatcher: Dispatcher;

  constructor(driver = new NodeSqlDriver()) {
    this.courier = new Courier(new CourierStorage(driver, migrationsIn("courier")), start);
    this.ports = {
      courier: this.courier,
      now: () => this.now,
      fraction: () => 0.5,
      armAlarm: async (at) => {
        this.alarmsSet++;
        this.alarmAt = at;
      },
      endpoint: async () => {
        this.asked++;
        return this.endpoint;
      },
      disable: async (endpoint, reason) => (this.endpoint = { ...endpoint, state: "disabled", reason }),
      send: async ({ effectId }) => {
        this.sent.push(effectId);
        return this.outcome;
      },
      log: () => undefined,
      measure: (result, count) => void (this.counts[result] = (this.counts[result] ?? 0) + count),
    };
    this.dispatcher = new Dispatcher(this.ports);
  }

  /** Runs what is under way, and the alarms up to `now`. */
  async settle(now = this.now): Promise<void> {
    await vi.advanceTimersByTimeAsync(0);
    while (this.alarmAt !== undefined && this.alarmAt <= now) {
      this.now = Math.max(this.now, this.alarmAt);
      this.alarmAt = undefined;
      await this.dispatcher.alarm();
      await vi.advanceTimersByTimeAsync(0);
    }
    this.now = now;
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a dispatcher", () => {
  it("[TX-12] sets its alarm before the first attempt, once for many rows, and asks for its endpoint once", async () => {
    const world = new World();
    const order: string[] = [];
    const { armAlarm, send } = world.ports;
    Object.assign(world.ports, {
      armAlarm: (at: number) => (order.push("alarm"), armAlarm(at)),
      send: (...given: Parameters<typeof send>) => (order.push("send"), send(...given)),
    });
    for (let n = 1; n <= 50; n++) await world.dispatcher.accept([row(n)]);
    await world.settle();
    expect(order[0]).toBe("alarm");
    expect(world.sent).toHaveLength(50);
    expect([world.alarmsSet, world.asked]).toEqual([1, 1]);
    // The alarm that is left finds nothing, and sets no other.
    await world.settle(start + day);
    expect(world.alarmAt).toBeUndefined();
    expect(world.alarmsSet).toBe(1);
  });

  it("[LC-9] disables an endpoint that has only failed for five days, whether it answers or not", async () => {
    for (const outcome of [failed, refused]) {
      const world = new World();
      world.outcome = outcome;
      for (let at = 0; at < 5; at++) {
        await world.dispatcher.accept([row(at)]);
        await world.settle(start + (at + 1) * day - 1);
        expect(world.endpoint!.state).toBe("active");
      }
      world.now = start + 5 * day;
      await world.dispatcher.accept([row(9), row(10)]);
      await world.settle(start + 5 * day + 60 * 60_000);
      expect(world.endpoint).toMatchObject({ state: "disabled", reason: "It has failed for five days." });
      expect(world.courier.status(world.now)).toMatchObject({ waiting: 0 });
      const sent = world.sent.length;
      await world.settle(start + 6 * day);
      expect(world.sent).toHaveLength(sent);
    }
  });

  it("[OB-2] [TX-13] counts what became of messages: delivered, to be sent again, given up", async () => {
    const world = new World();
    await world.dispatcher.accept([row(1), row(2)]);
    await world.settle();
    expect(world.counts).toEqual({ delivered: 2 });
    world.outcome = failed;
    await world.dispatcher.accept([row(3)]);
    await world.settle(start + 60_000);
    expect(world.counts).toEqual({ delivered: 2, again: expect.any(Number) });
    expect(world.counts["again"]).toBeGreaterThan(1);
    await world.settle(start + 2 * day);
    expect(world.counts["dead"]).toBe(1);
    await world.dispatcher.accept([row(4), row(5)]);
    world.endpoint = { ...world.endpoint!, state: "disabled", reason: "It is off." };
    await world.dispatcher.changed();
    await world.settle();
    expect(world.counts["dead"]).toBe(3);
  });

  it("[LC-10] disables an endpoint that is full, and stores nothing more for it", async () => {
    const world = new World();
    vi.spyOn(world.courier, "isFull", "get").mockReturnValue(true);
    await expect(world.dispatcher.accept([row(1)])).rejects.toThrow("full");
    expect(world.endpoint).toMatchObject({ state: "disabled", reason: "Too much is waiting for it." });
    expect(world.courier.isEmpty).toBe(true);
  });

  it("[LC-11] waits while it is paused or pending, without an alarm for each row, and goes on by itself", async () => {
    for (const change of [{ paused: true }, { state: "pending" as const }]) {
      const world = new World();
      const active = world.endpoint!;
      world.endpoint = { ...active, ...change };
      for (let n = 1; n <= 20; n++) await world.dispatcher.accept([row(n)]);
      await world.settle(start + 60 * 60_000);
      expect(world.sent).toEqual([]);
      expect(world.alarmsSet).toBeLessThan(30);
      world.endpoint = active;
      // No notification has arrived.
      await world.settle(world.now + courierBounds.pausedPollMs + courierBounds.endpointMs);
      expect(world.sent).toHaveLength(20);
    }
  });

  it("[TX-13] [LC-9] makes no dead letter of what has waited in a pause of more than a day, also if the object has ended", async () => {
    for (const pause of [{ paused: true }, { tenantPaused: true }]) {
      const driver = new NodeSqlDriver();
      const before = new World(driver);
      const active = before.endpoint!;
      before.endpoint = { ...active, ...pause };
      await before.dispatcher.accept([row(1), row(2, { ordered: true }), row(3, { ordered: true })]);
      await before.settle(start + 2 * day);

      const world = new World(driver);
      world.now = start + 3 * day;
      world.outcome = failed;
      await world.dispatcher.alarm();
      await world.settle(world.now + 60_000);
      expect(world.courier.status(world.now)).toMatchObject({ waiting: 3, deadLetters: 0 });
      // From then on they have a day.
      await world.settle(start + 4 * day + 2 * 60 * 60_000);
      expect(world.courier.status(world.now)).toMatchObject({ waiting: 0, deadLetters: 3 });
    }
  });

  it("[TX-13] [LC-11] a time in which it did not run, or its tenant did not answer, makes no row older and is no failure", async () => {
    const driver = new NodeSqlDriver();
    const before = new World(driver);
    before.outcome = failed;
    await before.dispatcher.accept([row(1), row(2), row(3)]);
    await before.settle(start + 60 * 60_000);

    const world = new World(driver);
    world.now = start + 6 * day;
    world.outcome = failed;
    await world.dispatcher.alarm();
    await world.settle(world.now + 60_000);
    expect(world.endpoint!.state).toBe("active");
    expect(world.courier.status(world.now)).toMatchObject({ waiting: 3, deadLetters: 0 });

    const { endpoint } = world.ports;
    Object.assign(world.ports, { endpoint: () => Promise.reject(new Error("lost")) });
    await world.settle(start + 8 * day);
    Object.assign(world.ports, { endpoint });
    world.outcome = { kind: "delivered", status: 200 };
    await world.settle(world.now + 2 * courierBounds.retryMsMax);
    expect(world.courier.status(world.now)).toMatchObject({ waiting: 0, deadLetters: 0 });
  });

  it("[TX-13] with an endpoint that was removed deletes what waits, and one that is disabled buries it", async () => {
    const removed = new World();
    removed.endpoint = undefined;
    await removed.dispatcher.accept([row(1)]);
    await removed.settle();
    expect(removed.courier.isEmpty).toBe(true);
    const disabled = new World();
    disabled.endpoint = { ...disabled.endpoint!, state: "disabled", reason: "It is gone." };
    await disabled.dispatcher.accept([row(1), row(2, { ordered: true }), row(3, { ordered: true })]);
    await disabled.settle();
    expect(disabled.courier.deadLetters(0, 9)).toMatchObject([
      { effectId: "aa:1:0", lastReason: "It is gone." },
      { effectId: "aa:2:0" },
      { effectId: "aa:3:0" },
    ]);
    expect(disabled.sent).toEqual([]);
  });

  it("[LC-11] while its tenant does not answer it sends nothing, and tries again", async () => {
    const world = new World();
    const { endpoint } = world.ports;
    let fails = true;
    Object.assign(world.ports, { endpoint: () => (fails ? Promise.reject(new Error("lost")) : endpoint()) });
    await world.dispatcher.accept([row(1)]);
    await world.settle(start + 60_000);
    expect(world.sent).toEqual([]);
    fails = false;
    await world.settle(start + 120_000);
    expect(world.sent).toEqual(["aa:1:0"]);
  });

  it("[LC-9] an endpoint that is activated again begins with a closed breaker", async () => {
    const world = new World();
    const active = world.endpoint!;
    world.outcome = failed;
    await world.dispatcher.accept(Array.from({ length: 9 }, (_, at) => row(at)));
    await world.settle();
    expect(world.courier.status(world.now).breaker).toBe("open");
    world.endpoint = { ...active, state: "disabled" };
    await world.dispatcher.changed();
    await world.settle();
    world.outcome = { kind: "delivered", status: 200 };
    world.endpoint = active;
    await world.dispatcher.changed();
    expect(world.courier.status(world.now).breaker).toBe("closed");
    world.courier.replayAll(world.now);
    await world.dispatcher.run();
    await world.settle();
    expect(world.courier.isEmpty).toBe(true);
  });

  it("[LC-9] what was held against an endpoint that was disabled or paused is forgotten, also if the object has ended", async () => {
    for (const stop of [{ state: "disabled" as const }, { paused: true }]) {
      const driver = new NodeSqlDriver();
      const before = new World(driver);
      before.outcome = failed;
      await before.dispatcher.accept([row(1)]);
      await before.settle();
      before.endpoint = { ...before.endpoint!, ...stop };
      await before.dispatcher.changed();
      await before.settle();

      const world = new World(driver);
      world.now = start + 6 * day;
      world.outcome = failed;
      await world.dispatcher.accept([row(2)]);
      await world.settle(world.now);
      // What has waited in a pause is sent; what waited when it was disabled is a dead letter.
      expect(world.sent).toEqual("paused" in stop ? ["aa:1:0", "aa:2:0"] : ["aa:2:0"]);
      expect(world.endpoint!.state).toBe("active");
    }
  });

  it("[LC-11] where its storage fails, a message is not sent again and again at once", async () => {
    const world = new World();
    const settle = world.courier.settle.bind(world.courier);
    vi.spyOn(world.courier, "settle").mockImplementation((...given) => {
      if (world.sent.length < 100) throw new Error("the disk is full");
      return settle(...given);
    });
    await world.dispatcher.accept([row(1)]);
    await world.settle();
    expect(world.sent).toHaveLength(1);
    await world.settle(start + 60_000);
    expect(world.sent.length).toBeGreaterThan(1);
    expect(world.sent.length).toBeLessThan(30);
  });

  it("[TX-13] [AU-11] what was for an endpoint that was removed is never sent to another one of its name", async () => {
    const world = new World();
    const active = world.endpoint!;
    world.endpoint = { ...active, paused: true };
    const count = courierBounds.stepRowsMax + 100;
    for (let n = 1; n <= count; n += 100) {
      await world.dispatcher.accept(Array.from({ length: 100 }, (_, at) => row(n + at)));
    }
    await world.settle();
    // Removed and made again at another address, and activated: the notifications of it were lost.
    world.now += 60_000;
    world.endpoint = { ...active, url: "https://other.example.com/", createdAt: world.now };
    await world.dispatcher.accept([row(9_999)]);
    await world.settle(world.now + 60_000);
    expect(world.sent).toEqual(["aa:9999:0"]);
    expect(world.courier.isEmpty).toBe(true);
  });
});
