import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Draft, Intake, single, socketSweepMs, type Submission, Subscription } from "../../src/core/index.ts";
import { type Author, bounds } from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestPartition } from "../support/partition.ts";
import { testTurns } from "../support/turns.ts";

const author: Author = { principal: "reader", permissions: ["read"] };
const writer: Author = { principal: "writer", permissions: "all" };
const draft = (draftId: string): Draft => ({
  draftId,
  event: { type: "set", payload: set(draftId) },
  expectedEventId: undefined,
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const set = (value: number | string) => ({ target: "n", value });

/** Fails commits on request: before they are made, or, once or always, when they are made already. */
class Failing extends NodeSqlDriver {
  fail: "once" | "before" | "after" | undefined;
  override transaction<T>(body: () => T): T {
    const { fail } = this;
    if (fail === "once") this.fail = undefined;
    if (fail === "before") throw new Error("no");
    const result = super.transaction(body);
    if (fail === "once" || fail === "after") throw new Error("fsync");
    return result;
  }
}

/** A subscription, and what it has delivered. */
class Reading {
  readonly ids: number[] = [];
  /** Everything in order: "started 0/3", an event id, "behind", or the code with which it has ended. */
  readonly calls: (number | string)[] = [];
  readonly subscription: Subscription;
  readonly #room: TestPartition;

  constructor(
    room: TestPartition,
    since?: number,
    { creditBytes = 1e6, by = author, proof = undefined as string | undefined } = {},
  ) {
    this.#room = room;
    this.subscription = new Subscription(by, since === undefined ? undefined : { eventId: since, proof }, creditBytes, {
      started: (_, position, head) => this.calls.push(`started ${position}/${head}`),
      deliver: (events) => {
        for (const { eventId } of events) {
          this.ids.push(eventId);
          this.calls.push(eventId);
        }
      },
      behind: () => this.calls.push("behind"),
      ended: ({ code }) => this.calls.push(code),
    });
    room.partition.attach(this.subscription, room.now);
  }

  pull(): this {
    this.#room.partition.process([{ subscription: this.subscription }], this.#room.now);
    return this;
  }
}

/** A partition with this many events, and a client that submits more. */
function started(count: number, driver = new Failing()) {
  const room = new TestPartition({ driver });
  const client = room.client("a");
  for (let at = 1; at <= count; at++) client.submit(`d${at}`, "set", set(at));
  return { room, client, driver };
}

describe("a subscription", () => {
  it("[LC-14] wakes nothing: a stream is written to, and that fails when its peer is gone", () => {
    const room = new TestPartition();
    room.partition.submit(writer, "http", single(draft("d1")), room.now);
    const reading = new Reading(room).pull();
    expect(room.partition.nextDue).toBeUndefined();
    const client = room.client("a");
    expect(room.partition.nextDue).toBe(room.now + socketSweepMs);
    room.close(client);
    room.now += socketSweepMs;
    room.runDue();
    expect(room.partition.nextDue).toBeUndefined();
    expect(room.partition.connections).toBe(1);
    room.partition.detach(reading.subscription);
  });

  it("[WP-5] [WP-6] begins at the head, or after an event, and then receives what is committed", () => {
    const { room, client } = started(3);
    const [atHead, after, all] = [new Reading(room).pull(), new Reading(room, 2).pull(), new Reading(room, 0).pull()];
    client.submit("d4", "set", set(4));
    expect(atHead.calls).toEqual(["started 3/3", 4]);
    expect(after.calls).toEqual(["started 2/3", 3, 4]);
    expect(all.calls).toEqual(["started 0/3", 1, 2, 3, 4]);
    room.partition.detach(after.subscription);
    client.submit("d5", "set", set(5));
    expect([after.ids.at(-1), all.ids.at(-1)]).toEqual([4, 5]);
  });

  it("[WP-5] receives nothing before its first pull, and misses nothing by it", () => {
    const { room, client } = started(1);
    const reading = new Reading(room, 0);
    client.submit("d2", "set", set(2));
    expect(reading.calls).toEqual([]);
    expect(reading.pull().calls).toEqual(["started 0/2", 1, 2]);
  });

  it("[WP-7] pulls a long log page by page, with what is committed meanwhile", () => {
    const { room, client } = started(bounds.pageEventsDefault * 2);
    const reading = new Reading(room, 0).pull();
    expect(reading.calls.at(-1)).toBe("behind");
    client.submit("late", "set", set(0));
    expect(reading.ids).toHaveLength(bounds.pageEventsDefault);
    reading.pull().pull();
    expect(reading.ids).toEqual(range(1, bounds.pageEventsDefault * 2 + 1));
    expect(reading.calls.filter((call) => call === "behind")).toHaveLength(2);
    // There is nothing to pull at the head.
    reading.pull();
    expect(reading.calls.at(-1)).toBe(bounds.pageEventsDefault * 2 + 1);
  });

  it("[WP-5] skips no page that was pulled in a window whose commit failed", () => {
    const { room, driver } = started(bounds.pageEventsDefault * 3);
    const reading = new Reading(room, 0).pull();
    driver.fail = "once";
    const submission = single(draft("late"));
    const work = { author: writer, clientId: "w", submission, answer: () => {} };
    room.partition.process([{ subscription: reading.subscription }, work], room.now);
    reading.pull().pull();
    expect(reading.ids).toEqual(range(1, bounds.pageEventsDefault * 3 + 1));
  });

  it("[LC-7] is behind without credit, and has it again when it pulls", () => {
    const { room, client } = started(1);
    const reading = new Reading(room, undefined, { creditBytes: 5_000 }).pull();
    for (const at of range(2, 5)) client.submit(`d${at}`, "set", set("x".repeat(2_000)));
    expect(reading.calls).toEqual(["started 1/1", 2, 3, "behind"]);
    reading.pull();
    client.submit("d6", "set", set("x".repeat(2_000)));
    expect(reading.ids).toEqual([2, 3, 4, 5, 6]);
  });

  it("[AU-4] ends with its token, expired or revoked, before it receives what is new", () => {
    const { room, client } = started(1);
    const expiring = new Reading(room, 0, { by: { ...author, expiresAt: room.now + 1_000 } }).pull();
    const revoked = new Reading(room, 0, { by: { ...author, tokenId: "t" } }).pull();
    room.partition.revoke(({ tokenId }) => tokenId === "t", room.now);
    room.now += 1_000;
    client.submit("d2", "set", set(2));
    expect(expiring.calls).toEqual(["started 0/1", 1, "auth_expired"]);
    expect(revoked.calls).toEqual(["started 0/1", 1, "auth_revoked"]);
    expect([expiring.pull().calls.length, revoked.pull().calls.length]).toEqual([3, 3]);
  });

  it("[LC-4] ends when the partition is moved", () => {
    const { room } = started(1);
    const reading = new Reading(room).pull();
    room.partition.drain(() => 10, room.now);
    expect(reading.calls).toEqual(["started 1/1", "draining"]);
  });

  it("[LC-4] [WP-5] receives nothing after its end: no event, no page, and no second end", () => {
    const { room, client } = started(1);
    const expiring = { by: { ...author, expiresAt: room.now + 1_000 } };
    const atHead = new Reading(room, undefined, expiring).pull();
    const behind = new Reading(room, undefined, { ...expiring, creditBytes: 900 }).pull();
    client.submit("d2", "set", set("x".repeat(2_000)));
    room.partition.drain(() => 10, room.now);
    const [last, lastBehind] = [[...atHead.calls], [...behind.calls]];
    expect([last, lastBehind]).toEqual([
      ["started 1/1", 2, "draining"],
      ["started 1/1", "behind", "draining"],
    ]);
    room.partition.submit(writer, "w", single(draft("d3")), room.now);
    expect(behind.pull().calls).toEqual(lastBehind);
    room.now += 1_000;
    room.partition.expire(room.now);
    expect([atHead.calls, behind.calls]).toEqual([last, lastBehind]);
  });

  it("[WP-7] ends before it begins past the head, or where too much waits", () => {
    const { room } = started(1);
    expect(new Reading(room, 2).pull().calls).toEqual(["cursor_ahead"]);
    const intake = new Intake({
      connections: 1,
      isAlone: () => false,
      process: (batch) => room.partition.process(batch, room.now),
      turns: testTurns(),
    });
    const crowded = new Reading(room);
    const { subscription } = crowded;
    for (let at = 0; at <= bounds.queueWorkPerConnectionMax + 10; at++) intake.offer("crowd", { subscription }, 1);
    intake.flush();
    expect(crowded.calls).toEqual(["started 1/1", "overloaded"]);
  });

  it("[WP-5] [TX-5] whatever windows, pulls and failed commits, it receives a contiguous run up to the head", () => {
    const step = fc.constantFrom("submit", "submit", "batch", "pull", "subscribe", "before", "after");
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { room, driver } = started(2);
        const submit = (submission: Submission) => room.partition.submit(writer, "w", submission, room.now);
        const readings: Reading[] = [];
        let drafts = 0;
        for (const kind of steps) {
          if (kind === "before" || kind === "after") driver.fail = kind;
          else if (kind === "submit") submit(single(draft(`s${drafts++}`)));
          else if (kind === "subscribe") {
            readings.push(new Reading(room, drafts % 3 === 0 ? undefined : drafts % 3, { creditBytes: 900 }).pull());
          } else if (kind === "pull") for (const reading of readings) reading.pull();
          else {
            const members = [draft(`b${drafts++}`), draft(`b${drafts++}`)];
            submit({ key: `B${drafts}`, mode: "atomic", drafts: members });
          }
          if (kind === "submit" || kind === "batch") driver.fail = undefined;
        }
        driver.fail = undefined;
        submit(single(draft("last")));
        const head = room.partition.events(0, 1, room.now).currentEventIndex;
        for (const reading of readings) {
          for (let at = 0; at < 3 * head && reading.calls.at(-1) === "behind"; at++) reading.pull();
          const first = Number(/started (\d+)/.exec(String(reading.calls[0]))?.[1]);
          // A pull that cannot be answered ends it: its reader comes back.
          const ended = reading.calls.at(-1) === "storage_unavailable";
          if (!ended || reading.ids.length > 0) {
            expect(reading.ids).toEqual(range(first + 1, ended ? reading.ids.at(-1)! : head));
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
