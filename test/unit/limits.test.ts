import { type Limits, noLimits, perMinute } from "../../src/protocol/index.ts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fullBucket, refill, secondsUntil } from "../../src/core/rates/bucket.ts";
import { bounds } from "../../src/protocol/bounds.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";

const rate = { perSecond: 1, burst: 4 };
/** A partition with only these limits. */
function limited(limits: Partial<Limits>): TestPartition {
  const room = new TestPartition();
  room.partition.limit({ ...noLimits, ...limits });
  return room;
}
const set = (connection: TestConnection, draftId: string, value: unknown = 1): Message =>
  connection.submit(draftId, "set", { target: "n", value });
const outcomeOf = ({ type, payload }: Message): string => (type === "event_accepted" ? "accepted" : payload.code);

describe("a token bucket", () => {
  it("[AU-5] grants at most its burst, plus its rate over any time", () => {
    const steps = fc.array(fc.tuple(fc.nat(5_000), fc.integer({ min: 1, max: 6 })), { maxLength: 60 });
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 20 }),
        (moves, perSecond, burst) => {
          const of = { perSecond, burst };
          const bucket = fullBucket(of, 0);
          const taken: { at: number; count: number }[] = [];
          let now = 0;
          for (const [ms, count] of moves) {
            now += ms;
            refill(bucket, of, now);
            if (secondsUntil(bucket, of, count) > 0) continue;
            bucket.level -= count;
            taken.push({ at: now, count });
          }
          taken.forEach(({ at: from }, first) => {
            let sum = 0;
            for (const { at, count } of taken.slice(first)) {
              sum += count;
              // A request that is larger than the burst is granted when the bucket is full.
              expect(sum).toBeLessThanOrEqual(burst + ((at - from) * perSecond) / 1_000 + 6 + 1e-6);
            }
          });
        },
      ),
    );
  });

  it("[AU-5] that is so slow that it is never full again can be stored", () => {
    const room = limited({ principal: { perSecond: 1e-30, burst: 4 } });
    const alice = room.client("alice");
    expect([1, 2, 3, 4, 5].map((at) => outcomeOf(set(alice, `d${at}`)))).toEqual([
      ...Array(4).fill("accepted"),
      "rate_limited",
    ]);
  });

  it("[AU-5] returns the correct time of the next attempt", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 100 }),
        fc.nat(200),
        (perMin, burst, taken) => {
          const of = { perSecond: perMin / 60, burst };
          const bucket = { level: burst - taken, at: 0 };
          const seconds = secondsUntil(bucket, of, 1);
          refill(bucket, of, seconds * 1_000);
          expect(secondsUntil(bucket, of, 1)).toBe(0);
        },
      ),
      // 55 tokens in exactly 300 s, which the sum misses by a rounding.
      { examples: [[11, 29, 83]] },
    );
  });
});

describe("the rate of a principal", () => {
  it("[AU-5] accepts a burst, refuses further drafts with the time to retry, and stores nothing of them", () => {
    const room = limited({ principal: rate });
    const alice = room.client("alice");
    expect([1, 2, 3, 4, 5].map((at) => outcomeOf(set(alice, `d${at}`)))).toEqual([
      ...Array.from({ length: 4 }, () => "accepted"),
      "rate_limited",
    ]);
    const refused = set(alice, "d5");
    expect(refused).toMatchObject({
      type: "error",
      payload: {
        status: 429,
        retryable: true,
        retryAfter: 1,
        draftId: "d5",
        rateLimit: { policy: "principal", quota: 4, windowSeconds: 4 },
      },
    });
    room.now += 1_000;
    // A refusal is not a verdict: the same draft is decided now.
    expect(outcomeOf(set(alice, "d5"))).toBe("accepted");
    expect(room.partition.events(0, 10, room.now).events).toHaveLength(5);
  });

  it("[AU-5] [ID-12] returns the tokens of drafts that could not be committed", () => {
    class FullDriver extends NodeSqlDriver {
      full = false;
      override transaction<T>(body: () => T): T {
        return super.transaction(() => {
          const result = body();
          if (this.full) throw new Error("the disk is full");
          return result;
        });
      }
    }
    const driver = new FullDriver();
    const room = new TestPartition({ driver });
    room.partition.limit({ ...noLimits, principal: rate, tenant: { perSecond: 100, burst: 100 } });
    const alice = room.client("alice");
    expect(outcomeOf(set(alice, "d1"))).toBe("accepted");
    driver.full = true;
    const submission = (at: number) => ({
      draftId: `m${at}`,
      event: { type: "set", payload: { target: "n", value: at } },
    });
    const atomic = { batchId: "b", mode: "atomic", events: [1, 2].map(submission) };
    // More drafts than the burst, and than a portion of the tenant's rate.
    for (let at = 0; at < 200; at++) {
      expect(outcomeOf(set(alice, "d2"))).toBe("storage_unavailable");
      expect(room.client("bob").send("submit_events", atomic)[0].payload.code).toBe("storage_unavailable");
    }
    driver.full = false;
    expect(["d2", "d3", "d4", "d5"].map((id) => outcomeOf(set(alice, id)))).toEqual([
      ...Array(3).fill("accepted"),
      "rate_limited",
    ]);
    expect(room.asked).toEqual([]);
    // The used tokens are stored.
    room.restart();
    room.partition.limit({ ...noLimits, principal: rate });
    expect(outcomeOf(set(room.client("alice"), "d6"))).toBe("rate_limited");
  });

  it("[AU-5] is each principal's own", () => {
    const room = limited({ principal: rate });
    const alice = room.client("alice");
    for (let at = 0; at < 5; at++) set(alice, `d${at}`);
    expect(outcomeOf(set(room.client("bob"), "b"))).toBe("accepted");
  });

  it("[AU-5] does not start again with another connection", () => {
    const room = limited({ principal: rate });
    for (let at = 0; at < 4; at++) expect(outcomeOf(set(room.client("alice"), `d${at}`))).toBe("accepted");
    expect(outcomeOf(set(room.client("alice"), "d4"))).toBe("rate_limited");
  });

  it("[AU-5] is kept over a restart, except a quarter of the burst", () => {
    const driver = new NodeSqlDriver();
    const room = new TestPartition({ driver });
    const limits = { ...noLimits, principal: { perSecond: 1, burst: 100 } };
    room.partition.limit(limits);
    const alice = room.client("alice");
    for (let at = 0; at < 100; at++) expect(outcomeOf(set(alice, `d${at}`))).toBe("accepted");
    for (let restart = 0; restart < 3; restart++) {
      room.restart();
      room.partition.limit(limits);
      const again = room.client("alice");
      let accepted = 0;
      while (outcomeOf(set(again, `r${restart}-${accepted}`)) === "accepted") accepted++;
      expect(accepted).toBeLessThan(25);
    }
    // A bucket that is full again is deleted.
    room.now += 200_000;
    const later = room.client("bob");
    for (let at = 0; at < 30; at++) set(later, `b${at}`);
    expect(driver.query("SELECT principal FROM rate_buckets")).toEqual([{ principal: "dev:bob" }]);
  });

  it("[ID-1] a replay costs no token, and is served when no token is left", () => {
    const room = limited({ principal: rate });
    const alice = room.client("alice");
    const first = set(alice, "d0");
    for (let at = 0; at < 20; at++) expect(set(alice, "d0")).toEqual(first);
    for (let at = 1; at < 4; at++) expect(outcomeOf(set(alice, `d${at}`))).toBe("accepted");
    expect(set(room.client("alice"), "d0")).toEqual(first);
    expect(outcomeOf(set(room.client("alice"), "d4"))).toBe("rate_limited");
  });

  it("[ID-1] [AU-5] replays have a rate of their own", () => {
    const room = limited({ replays: { perSecond: 1, burst: 3 } });
    const alice = room.client("alice");
    expect(Array.from({ length: 5 }, () => outcomeOf(set(alice, "d0")))).toEqual([
      "accepted",
      "accepted",
      "accepted",
      "accepted",
      "rate_limited",
    ]);
    room.now += 1_000;
    expect(outcomeOf(set(alice, "d0"))).toBe("accepted");
  });

  it("[AU-5] [WP-12] a refused draft holds back the later drafts", () => {
    const room = limited({ principal: { perSecond: 1, burst: 1 } });
    const alice = room.client("alice");
    set(alice, "d0");
    expect(outcomeOf(set(alice, "d1"))).toBe("rate_limited");
    room.now += 60_000;
    expect(outcomeOf(set(alice, "d2"))).toBe("rate_limited");
    expect(outcomeOf(set(alice, "d1"))).toBe("accepted");
  });

  it("[AU-5] rejections and drafts on which the model fails cost like acceptances", () => {
    const room = limited({ principal: rate });
    const alice = room.client("alice");
    const codes = [1, 2, 3, 4, 5].map((at) => outcomeOf(alice.submit(`d${at}`, "unset", { target: "no" })));
    expect(codes.at(-2)).toBe("validation_failed");
    expect(codes.at(-1)).toBe("rate_limited");
  });

  it("[AU-5] [TX-6] a batch costs as much as its drafts, and is accepted even if the burst is smaller", () => {
    const room = limited({ principal: { perSecond: 1, burst: 2 } });
    const alice = room.client("alice");
    const batch = (batchId: string, connection = alice): Message =>
      connection.send("submit_events", {
        batchId,
        mode: "atomic",
        events: [1, 2, 3].map((at) => ({
          draftId: `${batchId}-${at}`,
          event: { type: "set", payload: { target: "n", value: at } },
        })),
      })[0];
    expect(batch("b1").type).toBe("events_result");
    // The debt, and the burst again.
    expect(batch("b2").payload).toMatchObject({ code: "rate_limited", retryAfter: 3 });
    expect(batch("b1", room.client("alice")).type).toBe("events_result");
    room.now += 3_000;
    expect(batch("b2").type).toBe("events_result");
  });
});

describe("keys that are used again", () => {
  it("[AU-6] [ID-7] with other content cost like replays: they do not bypass the rates, and cost no token of a draft", () => {
    const room = limited({ principal: rate, replays: { perSecond: 1, burst: 3 } });
    const alice = room.client("alice");
    set(alice, "d0");
    const reused = Array.from({ length: 9 }, (_, at) => outcomeOf(set(room.client("alice"), "d0", at + 2)));
    expect(reused).toEqual([...Array(3).fill("idempotency_key_reused"), ...Array(6).fill("rate_limited")]);
    const batch = (batchId: string) =>
      room.client("alice").send("submit_events", {
        batchId,
        mode: "atomic",
        events: [{ draftId: `${batchId}-1`, event: { type: "set", payload: { target: "n", value: 1 } } }],
      })[0];
    expect(outcomeOf(batch("d0"))).toBe("rate_limited");
    // Only decided drafts cost a token.
    expect([1, 2, 3, 4].map((at) => outcomeOf(set(room.client("alice"), `e${at}`)))).toEqual([
      ...Array(3).fill("accepted"),
      "rate_limited",
    ]);
  });
});

describe("a sequential batch", () => {
  it("[WP-12] [AU-5] that the rate interrupts holds back the later drafts until it is sent again", () => {
    const room = limited({ principal: { perSecond: 1, burst: 2 } });
    const alice = room.client("alice");
    const event = { type: "set", payload: { target: "n", value: 1 } };
    const send = () =>
      alice.send("submit_events", {
        batchId: "b",
        mode: "sequential",
        events: ["b1", "b2", "b3"].map((draftId) => ({ draftId, event })),
      })[0];
    const statuses = () => send().payload.results.map(({ status }: { status: string }) => status);
    expect(statuses()).toEqual(["accepted", "accepted", "not_processed"]);
    room.now += 5_000;
    // It was sent after the batch, and must not be decided before the rest of it.
    expect(outcomeOf(set(alice, "later"))).toBe("rate_limited");
    expect(statuses()).toEqual(["accepted", "accepted", "accepted"]);
    expect(outcomeOf(set(alice, "later"))).toBe("accepted");
  });
});

describe("other rates", () => {
  it("[AU-5] an event type can have one of its own", () => {
    const room = limited({ eventTypes: { unset: { perSecond: 1, burst: 1 } } });
    const alice = room.client("alice");
    const unset = (draftId: string) => alice.submit(draftId, "unset", { target: "no" });
    expect(outcomeOf(unset("u1"))).toBe("validation_failed");
    expect(unset("u2").payload).toMatchObject({ code: "rate_limited", rateLimit: { policy: "event-type" } });
    room.now += 1_000;
    expect(outcomeOf(unset("u2"))).toBe("validation_failed");
    for (let at = 0; at < 9; at++) expect(outcomeOf(set(alice, `d${at}`))).toBe("accepted");
  });

  it("[AU-5] a tenant's rate is granted in portions, which are requested before they are needed", () => {
    const room = limited({ tenant: { perSecond: 1_000, burst: 1_000 } });
    const alice = room.client("alice");
    for (let at = 0; at < 100; at++) expect(outcomeOf(set(alice, `d${at}`))).toBe("accepted");
    // At half, once, and not again before the answer.
    expect(room.asked).toEqual([100]);
    expect(outcomeOf(set(alice, "d100"))).toBe("rate_limited");
    room.partition.granted(0, 2_500, room.now);
    expect(set(alice, "d100").payload).toMatchObject({ retryAfter: 3, rateLimit: { policy: "tenant" } });
    expect(room.asked).toEqual([100]);
    room.now += 2_500;
    expect(outcomeOf(set(alice, "d100"))).toBe("rate_limited");
    room.partition.granted(100, 0, room.now);
    expect(outcomeOf(set(alice, "d100"))).toBe("accepted");
  });

  it("[AU-5] without limits nothing is requested and nothing is refused", () => {
    const room = new TestPartition();
    const alice = room.client("alice");
    for (let at = 0; at < 1_000; at++) expect(outcomeOf(set(alice, `d${at}`))).toBe("accepted");
    expect(room.asked).toEqual([]);
    expect(perMinute(100)).toEqual({ perSecond: 100 / 60, burst: 100 });
  });
});

describe("the table of rejections", () => {
  it("[AU-5] [ID-10] stores a bounded number for each principal, and refuses drafts beyond it", () => {
    const driver = new NodeSqlDriver();
    const room = new TestPartition({ driver });
    const alice = room.client("alice");
    const unset = (connection: TestConnection, draftId: string) =>
      connection.submit(draftId, "unset", { target: "no" });
    const first = unset(alice, "d0");
    driver.transaction(() =>
      driver.write(
        `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ${bounds.rejectionsPerPrincipalMax})
         INSERT INTO idempotency_records (principal, draft_id, fingerprint, problem, created_at)
         SELECT 'dev:alice', 'f' || i, zeroblob(32), x'7b7d', ${room.now} FROM n`,
      ),
    );
    room.restart();
    const again = room.client("alice");
    expect(outcomeOf(unset(again, "d1"))).toBe("rate_limited");
    expect(unset(room.client("alice"), "d0")).toEqual(first);
    expect(outcomeOf(set(room.client("alice"), "d2"))).toBe("accepted");
    expect(outcomeOf(unset(room.client("bob"), "d1"))).toBe("validation_failed");
    // When they are deleted, new ones can be stored.
    room.now += 31 * 24 * 60 * 60 * 1_000;
    for (let sweep = 0; sweep < 2 + bounds.rejectionsPerPrincipalMax / 500; sweep++) room.runDue();
    expect(outcomeOf(unset(room.client("alice"), "d1"))).toBe("validation_failed");
  });
});
