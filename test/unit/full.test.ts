import { describe, expect, it } from "vitest";
import { FillWarnings } from "../../src/core/usage.ts";
import { weightOf } from "../../src/model/weight.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { bounds, noLimits } from "../../src/protocol/index.ts";
import type { LogValues } from "../../src/protocol/log-fields.ts";
import type { Author } from "../../src/protocol/index.ts";
import { type TestConnection, TestPartition } from "../support/partition.ts";
import { TestShell } from "../support/shell.ts";

const value = "x".repeat(60_000);
const eventBytes = JSON.stringify({ target: "n", value }).length + bounds.eventRowBytes;
const large = (connection: TestConnection, draftId: string) =>
  connection.submit(draftId, "set", { target: "n", value });
const codeOf = ({ type, payload }: { type: string; payload: { code?: string } }) => payload.code ?? type;

describe("a log at its bound", () => {
  const full = () => {
    const room = new TestPartition();
    room.partition.limit({ ...noLimits, logBytes: 1_000_000 });
    const alice = room.client("alice");
    const first = large(alice, "d0");
    for (let at = 1; at < 17; at++) expect(codeOf(large(alice, `d${at}`))).toBe("event_accepted");
    return { room, alice, first };
  };

  it("[BD-4] [LC-8] takes no new draft, and is read as before; a retry gets its first answer", () => {
    const { room, alice, first } = full();
    const refused = large(alice, "d17");
    expect(refused).toMatchObject({ type: "error", payload: { code: "storage_full", status: 507, retryable: false } });
    expect(large(alice, "d0")).toEqual(first);
    expect(alice.send("sync", { sinceEventId: 0 })[0].payload.events).toHaveLength(17);
    expect(alice.send("submit_events", { batchId: "b", mode: "atomic", events: [] })[0].type).toBe("error");
    expect(room.state()).toEqual({ n: value });
    // The tenant allows more.
    room.partition.limit(noLimits);
    expect(codeOf(large(alice, "d17"))).toBe("event_accepted");
  });

  it("[BD-4] says so at 75 % and at 90 %, once, and not again after a restart", () => {
    const { room } = full();
    const warnings = () => room.logged.filter(({ level }) => level === "warn").map(({ fields }) => fields);
    expect(warnings()).toMatchObject([
      { resource: "logBytes", percent: 75, max: 1_000_000, used: 13 * eventBytes, partition: "room" },
      { resource: "logBytes", percent: 90, max: 1_000_000, used: 15 * eventBytes },
    ]);
    room.restart();
    room.partition.limit({ ...noLimits, logBytes: 2_000_000 });
    large(room.client("bob"), "d1");
    room.partition.limit({ ...noLimits, logBytes: 1_250_000 });
    large(room.client("bob"), "d2");
    expect(warnings().slice(2)).toMatchObject([{ percent: 90, max: 1_250_000 }]);
    room.restart();
    room.partition.limit({ ...noLimits, logBytes: 1_250_000 });
    large(room.client("bob"), "d3");
    expect(warnings()).toHaveLength(3);
  });

  it("[BD-4] says it again only after it has been far below", () => {
    const logged: unknown[] = [];
    const warnings = new FillWarnings((_, fields: LogValues) => void logged.push(fields.used), {
      tenant: "t",
      partition: "p",
    });
    let before = 0;
    for (const used of [80, 74, 76, 91, 89, 92, 40, 95, 96]) {
      warnings.note("state", before, { used, max: 100 });
      before = used;
    }
    expect(logged).toEqual([80, 91, 95]);
  });

  it("[BD-4] is filled by one principal at a rate in bytes, which a restart does not give back", () => {
    const room = new TestPartition();
    const limits = { ...noLimits, principalBytes: { perSecond: 1_000, burst: 200_000 } };
    room.partition.limit(limits);
    const alice = room.client("alice");
    for (let at = 0; at < 4; at++) expect(codeOf(large(alice, `d${at}`))).toBe("event_accepted");
    expect(large(alice, "d4").payload).toMatchObject({
      code: "rate_limited",
      rateLimit: { policy: "principal-bytes", quota: 200_000 },
    });
    expect(codeOf(large(room.client("bob"), "d4"))).toBe("event_accepted");
    room.restart();
    room.partition.limit(limits);
    expect(codeOf(large(room.client("alice"), "d5"))).toBe("rate_limited");
    room.now += 45_000;
    expect(codeOf(large(room.client("alice"), "d5"))).toBe("event_accepted");
    expect(codeOf(large(room.client("alice"), "d0"))).toBe("event_accepted");
  });
});

describe("rejections", () => {
  const wrong = (connection: TestConnection, draftId: string) =>
    connection.submit(
      draftId,
      "set",
      Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`${at}`.repeat(1_000), 1])),
    );

  it("[BD-4] have a bounded size each, and are bounded in bytes for a principal and in all", () => {
    const room = new TestPartition();
    const alice = room.client("alice");
    const first = wrong(alice, "d0");
    expect(first.payload.errors).toHaveLength(20);
    const bytes = JSON.stringify(first.payload).length;
    expect(bytes).toBeLessThan(20 * (bounds.violationFieldLengthMax + bounds.violationMessageLengthMax));
    let stored = 1;
    while (codeOf(wrong(alice, `d${stored}`)) === "validation_failed") stored++;
    expect(codeOf(wrong(alice, "more"))).toBe("rate_limited");
    expect(stored * bytes).toBeGreaterThan(bounds.rejectionBytesPerPrincipalMax * 0.9);
    expect(stored * bytes).toBeLessThan(bounds.rejectionBytesPerPrincipalMax * 1.1);
    expect(wrong(alice, "d0")).toEqual(first);
    expect(codeOf(room.client("alice").submit("good", "set", { target: "n", value: 1 }))).toBe("event_accepted");
    // The same after a restart, because they are counted again.
    room.restart();
    expect(codeOf(wrong(room.client("alice"), "more"))).toBe("rate_limited");
    for (let principal = 0; principal < 7; principal++) {
      const other = room.client(`p${principal}`);
      for (let at = 0; codeOf(wrong(other, `d${at}`)) === "validation_failed"; at++) expect(at).toBeLessThan(stored);
    }
    expect(room.logged.filter(({ level }) => level === "warn").map(({ fields }) => fields["percent"])).toEqual([
      75, 90,
    ]);
    expect(wrong(room.client("last"), "d0").payload).toMatchObject({ code: "rate_limited" });
    // What was not stored is decided when there is room again.
    room.now += 31 * 24 * 60 * 60 * 1_000;
    for (let sweep = 0; sweep < 100; sweep++) room.runDue();
    expect(codeOf(wrong(room.client("last"), "d0"))).toBe("validation_failed");
  });
});

describe("how full a partition is", () => {
  const alice: Author = { principal: "alice", permissions: "all" };

  it("[BD-4] can be read, and reading it of a partition that was never written creates nothing", async () => {
    const room = new TestShell({ limits: { connectionsPerPartition: 100 } });
    const read = async () =>
      JSON.parse((await room.shell.readUsage({ traceId: "0".repeat(32), reader: alice })).body).usage;
    expect(await read()).toEqual({
      logBytes: { used: 0, max: bounds.logBytesMax },
      stateBytes: { used: weightOf(insieme.initialState()), max: bounds.stateBytesMax },
      rejections: { used: 0, max: bounds.rejectionsMax },
      rejectionBytes: { used: 0, max: bounds.rejectionBytesMax },
      effects: { used: 0, max: bounds.outboxRowsMax },
      effectBytes: { used: 0, max: bounds.outboxBytesMax },
      deadLetters: { used: 0, max: bounds.deadLettersMax },
      timers: { used: 0, max: bounds.timersMax },
      timerBytes: { used: 0, max: bounds.timersBytesMax },
      connections: { used: 0, max: 100 },
      streams: { used: 0, max: bounds.streamsMax },
    });
    expect(room.driver.query("SELECT * FROM sqlite_master")).toEqual([]);
    const writer = await room.open();
    writer.send("connect", { clientId: "writer", version: "1" });
    writer.send("submit_event", { draftId: "d1", event: { type: "set", payload: { target: "n", value: 1 } } });
    writer.send("submit_event", { draftId: "d2", event: { type: "none", payload: {} } });
    expect(await read()).toMatchObject({
      logBytes: { used: bounds.eventRowBytes + '{"target":"n","value":1}'.length },
      rejections: { used: 1 },
      connections: { used: 1, max: 100 },
    });
  });
});
