import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { courierBounds } from "../../../src/courier/bounds.ts";
import { Courier } from "../../../src/courier/courier.ts";
import type { Outcome } from "../../../src/courier/outcome.ts";
import type { CourierRow } from "../../../src/platform/courier-api.ts";
import { CourierStorage } from "../../../src/storage/courier/storage.ts";
import { NodeSqlDriver } from "../../../src/storage/node.ts";
import { migrationsIn } from "../../support/partition.ts";

const start = 1_700_000_000_000;
const day = 24 * 60 * 60_000;
const delivered: Outcome = { kind: "delivered", status: 200 };
const failed: Outcome = { kind: "failed", status: 500, reason: "The status was 500.", final: false };
const refused: Outcome = { kind: "failed", status: 400, reason: "The status was 400.", final: true };
const none = new Map<string, unknown>();

const row = (n: number, more: Partial<CourierRow> = {}): CourierRow => ({
  effectId: `aa:${n}:0`,
  type: "order.paid",
  payload: `{"n":${n}}`,
  timestamp: start,
  partition: "room",
  ...more,
});

function courierOn(driver = new NodeSqlDriver(), now = start) {
  return { courier: new Courier(new CourierStorage(driver, migrationsIn("courier")), now), driver };
}

const ids = (rows: readonly { effectId: string }[]) => rows.map(({ effectId }) => effectId);

describe("a courier", () => {
  it("[TX-12] [TX-15] stores a row once, however often its partition hands it over, also after its delivery", () => {
    const { courier } = courierOn();
    courier.accept([row(1), row(2)], start);
    courier.accept([row(1), row(2), row(3)], start);
    expect(courier.status(start)).toMatchObject({ waiting: 3, deadLetters: 0 });
    for (const id of ids(courier.take(none, start))) courier.settle(id, delivered, start, 0);
    expect(courier.isEmpty).toBe(true);
    courier.accept([row(2), row(3)], start);
    expect(courier.isEmpty).toBe(true);
    // The same numbers after a restore are another effect.
    courier.accept([row(3, { effectId: "bb:3:0" })], start);
    expect(ids(courier.take(none, start))).toEqual(["bb:3:0"]);
  });

  it("[TX-12] a row is there until it is delivered: an end of the object in between sends it again", () => {
    const { courier, driver } = courierOn();
    courier.accept([row(1)], start);
    expect(ids(courier.take(none, start))).toEqual(["aa:1:0"]);
    const restarted = courierOn(driver).courier;
    expect(ids(restarted.take(none, start))).toEqual(["aa:1:0"]);
    restarted.settle("aa:1:0", delivered, start, 0);
    expect(courierOn(driver).courier.isEmpty).toBe(true);
  });

  it("[TX-13] a row that fails is due later, and others go on; one that is refused is a dead letter at once", () => {
    const { courier } = courierOn();
    courier.accept([row(1), row(2), row(3)], start);
    courier.settle("aa:1:0", failed, start, 0.999);
    courier.settle("aa:2:0", refused, start, 0.999);
    expect(ids(courier.take(none, start))).toEqual(["aa:3:0"]);
    courier.settle("aa:3:0", delivered, start, 0);
    expect(courier.take(none, start + 998)).toEqual([]);
    expect(courier.nextDue(none, start)).toBe(start + 999);
    expect(ids(courier.take(none, start + 999))).toEqual(["aa:1:0"]);
    expect(courier.deadLetters(0, 10)).toMatchObject([{ effectId: "aa:2:0", lastStatus: 400, attempts: 1 }]);
  });

  it("[TX-13] a row that is not delivered within a day is a dead letter, which can be sent again under its id, or discarded", () => {
    const { courier } = courierOn();
    courier.accept([row(1), row(2)], start);
    courier.settle("aa:1:0", failed, start, 0);
    courier.settle("aa:1:0", failed, start + day, 0);
    expect(courier.sweep(start + day + 1)).toEqual({ died: 1, deleted: 0 });
    expect(ids(courier.deadLetters(0, 10))).toEqual(["aa:1:0", "aa:2:0"]);
    expect(courier.take(none, start + day)).toEqual([]);
    expect(courier.onlyDeadLetters).toBe(true);
    expect(courier.deadLetter("aa:2:0")).toMatchObject({ payload: '{"n":2}' });
    const later = start + 2 * day;
    expect(courier.replay("aa:1:0", later)).toBe(true);
    expect(courier.replay("aa:1:0", later)).toBe(false);
    expect(courier.discard("aa:2:0", later)).toBe(true);
    expect(courier.discard("aa:2:0", later)).toBe(false);
    expect(ids(courier.take(none, later))).toEqual(["aa:1:0"]);
    courier.settle("aa:1:0", delivered, later, 0);
    expect(courier.status(later)).toMatchObject({ waiting: 0, deadLetters: 0, bytes: 0 });
  });

  it("[BD-7] [TX-13] a damaged row stops no other: it is a dead letter, and has no payload", () => {
    const { courier, driver } = courierOn();
    courier.accept(
      [1, 2, 3, 4, 5, 6].map((n) => row(n)),
      start,
    );
    driver.transaction(() => driver.script("UPDATE deliveries SET payload = x'7bff7d' WHERE seq <= 5"));
    const buried: string[] = [];
    expect(ids(courier.take(none, start, (id) => buried.push(id)))).toEqual(["aa:6:0"]);
    expect(buried).toEqual([1, 2, 3, 4, 5].map((n) => `aa:${n}:0`));
    expect(courier.deadLetter("aa:1:0")).toMatchObject({ payload: undefined, lastReason: expect.any(String) });
    // Sent again, it is a dead letter again.
    courier.replay("aa:1:0", start);
    expect(ids(courier.take(none, start))).toEqual(["aa:6:0"]);
    expect(courier.status(start)).toMatchObject({ waiting: 1, deadLetters: 5 });
  });

  it("[BD-7] [TX-12] takes rows of a partition whose last ids are damaged", () => {
    const { courier, driver } = courierOn();
    courier.accept([row(1)], start);
    driver.transaction(() => driver.script("UPDATE handed SET effect_ids = x'5b22ff'"));
    courier.accept([row(1), row(2)], start);
    expect(ids(courier.take(none, start))).toEqual(["aa:1:0", "aa:2:0"]);
  });

  it("[TX-13] dead letters are deleted after 30 days", () => {
    const { courier } = courierOn();
    courier.accept([row(1)], start);
    courier.settle("aa:1:0", refused, start, 0);
    expect(courier.sweep(start + 30 * day - 1)).toEqual({ died: 0, deleted: 0 });
    expect(courier.sweep(start + 31 * day)).toEqual({ died: 0, deleted: 1 });
    expect(courier.isEmpty).toBe(true);
  });

  it("[TX-13] an ordered row does not overtake an earlier ordered one of its partition, also as a dead letter; others do", () => {
    const { courier } = courierOn();
    const ordered = { ordered: true };
    courier.accept([row(1, ordered), row(2, ordered), row(3)], start);
    courier.accept([row(4, { ...ordered, partition: "hall", effectId: "cc:1:0" })], start);
    expect(ids(courier.take(none, start))).toEqual(["aa:1:0", "aa:3:0", "cc:1:0"]);
    courier.settle("aa:1:0", refused, start, 0);
    courier.settle("aa:3:0", delivered, start, 0);
    courier.settle("cc:1:0", delivered, start, 0);
    expect(courier.take(none, start + day / 2)).toEqual([]);
    courier.replay("aa:1:0", start);
    expect(ids(courier.take(none, start))).toEqual(["aa:1:0"]);
    courier.settle("aa:1:0", delivered, start, 0);
    expect(ids(courier.take(none, start))).toEqual(["aa:2:0"]);
    courier.accept([row(5, ordered)], start);
    courier.settle("aa:2:0", refused, start, 0);
    expect(courier.take(none, start)).toEqual([]);
    courier.settle("aa:5:0", refused, start, 0);
    courier.replay("aa:5:0", start);
    expect(courier.take(none, start)).toEqual([]);
    courier.discard("aa:2:0", start);
    expect(ids(courier.take(none, start))).toEqual(["aa:5:0"]);
  });

  it("[TX-12] [TX-13] in any order of failures, restarts, replays: each row is delivered, ordered ones in their order", () => {
    const step = fc.record({
      kind: fc.constantFrom("accept", "again", "send", "send", "send", "restart", "replay", "wait"),
      outcome: fc.constantFrom(delivered, delivered, failed, refused),
      ordered: fc.boolean(),
      partition: fc.constantFrom("room", "hall"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const driver = new NodeSqlDriver();
        let { courier } = courierOn(driver);
        let now = start;
        const handed: CourierRow[] = [];
        const arrived: string[] = [];
        const send = (outcome: Outcome) => {
          const [due] = courier.take(none, now);
          if (!due) return;
          courier.settle(due.effectId, outcome, now, 0.5);
          if (outcome.kind === "delivered") arrived.push(due.effectId);
        };
        for (const { kind, outcome, ordered, partition } of steps) {
          if (kind === "accept") {
            const added = row(handed.length + 1, {
              ordered,
              partition,
              effectId: `${partition}:${handed.length + 1}:0`,
            });
            handed.push(added);
            courier.accept([added], now);
          } else if (kind === "again") {
            const last = handed.findLast((one) => one.partition === partition);
            if (last) courier.accept([last], now);
          } else if (kind === "send") send(outcome);
          else if (kind === "restart") courier = courierOn(driver, now).courier;
          else if (kind === "replay") courier.replayAll(now);
          else now += 60_000;
        }
        while (!courier.isEmpty) {
          courier.replayAll(now);
          now += courierBounds.retryMsMax;
          send(delivered);
        }
        expect(arrived.toSorted()).toEqual(ids(handed).toSorted());
        for (const partition of ["room", "hall"]) {
          const expected = ids(handed.filter((one) => one.ordered && one.partition === partition));
          expect(arrived.filter((id) => expected.includes(id))).toEqual(expected);
        }
        expect(courier.status(now)).toMatchObject({ waiting: 0, deadLetters: 0, bytes: 0 });
      }),
      { numRuns: 60 },
    );
  });

  it("[TX-4] a failed transaction changes nothing, in memory neither", () => {
    const { courier, driver } = courierOn();
    courier.accept([row(1)], start);
    const before = courier.status(start);
    driver.transaction = () => {
      throw new Error("the disk is full");
    };
    expect(() => courier.accept([row(2)], start)).toThrow("the disk is full");
    expect(() => courier.settle("aa:1:0", failed, start, 0)).toThrow("the disk is full");
    expect(courier.status(start)).toEqual(before);
    expect(courier.failingSince).toBe(0);
  });
});
