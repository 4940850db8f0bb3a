import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import { CatchUps } from "../../src/core/delivery/catch-ups.ts";
import { bounds } from "../../src/protocol/index.ts";
import { backoffMs } from "../../src/client/sync/backoff.ts";
import { Random } from "../simulation/random.ts";
import { type Message, TestPartition } from "../support/partition.ts";
import { TestShell, turn } from "../support/shell.ts";

const pace = bounds.readBytesPerSecondOfPartition / 1_000;
const page = bounds.pageBytesMax;
const start = 1_700_000_000_000;
const quiet = { unread: () => 0, random: { fraction: () => 0.5 } };
const reader = (at: number | string, principal = `p${at}`) => ({ principal, clientId: `c${at}` });
/** In how many milliseconds it may come again; 0: it has begun. */
const waitOf = (catchUps: CatchUps, who: ReturnType<typeof reader>, bytes: number, now: number): number =>
  (catchUps.begin(who, bytes, now)?.retryAfter ?? 0) * 1_000;

/** All come at once, and come again as our client does. Returns when each has begun, in order, and how often it was refused. */
function storm(clients: number, bytes: number) {
  const seeded = new Random(1);
  const random = () => seeded.next();
  const catchUps = new CatchUps({ unread: () => 0, random: { fraction: random } });
  const coming = Array.from({ length: clients }, (_, at) => ({ at, now: start, refusals: 0 }));
  const begun: { now: number; refusals: number }[] = [];
  while (coming.length > 0) {
    coming.sort((a, b) => a.now - b.now);
    const next = coming.shift()!;
    const wait = waitOf(catchUps, reader(next.at), bytes, next.now);
    if (wait === 0) begun.push(next);
    else
      coming.push({ ...next, now: next.now + backoffMs(next.refusals, random(), wait), refusals: next.refusals + 1 });
  }
  return begun;
}

describe("clients that come back at the same time", () => {
  it("[LC-5] begin to catch up as fast as the partition is assumed to be read, in turns, and none of them starves", () => {
    for (const [clients, bytes] of [
      [1_000, 200_000],
      [1_000, page],
      [5_000, 100_000],
    ] as const) {
      const begun = storm(clients, bytes);
      expect(begun).toHaveLength(clients);
      const burst = Math.floor(bounds.catchUpBytesMax / bytes);
      expect(begun.filter(({ now }) => now === start)).toHaveLength(burst);
      // In no second there are more than the burst and what is read in it; a turn is to the second, and its client is late.
      for (const { now } of begun) {
        const within = begun.filter((other) => other.now > now && other.now <= now + 1_000).length;
        expect(within * bytes).toBeLessThanOrEqual(bounds.catchUpBytesMax + 2_000 * pace);
      }
      const needed = (clients * bytes) / pace;
      // After its own time a client comes with the jitter of our back-off.
      expect(begun.at(-1)!.now - start).toBeLessThan(needed * 2 + bounds.catchUpWaitMsMax * 2);
      if (needed < bounds.catchUpWaitMsMax) expect(Math.max(...begun.map(({ refusals }) => refusals))).toBe(1);
    }
  });

  it("[LC-5] keep their turns, however many come after them", () => {
    const catchUps = new CatchUps(quiet);
    for (let at = 0; at < 40; at++) waitOf(catchUps, reader(at), page, start);
    const wait = waitOf(catchUps, reader("patient"), page, start);
    expect(wait).toBe(1_000);
    let newcomers = 0;
    for (let ms = 0; ms < wait; ms += 10) waitOf(catchUps, reader(`n${newcomers++}`), page, start + ms);
    expect(waitOf(catchUps, reader("newcomer"), page, start + wait)).toBeGreaterThan(0);
    expect(waitOf(catchUps, reader("patient"), page, start + wait)).toBe(0);
    // A turn is for once.
    expect(waitOf(catchUps, reader("patient"), page, start + wait)).toBeGreaterThan(0);
  });

  it("[LC-5] do not gain by coming too early, nor lose their turns", () => {
    const catchUps = new CatchUps(quiet);
    for (let at = 0; at < 64; at++) waitOf(catchUps, reader(at), page, start);
    const wait = waitOf(catchUps, reader("early"), page, start);
    // A turn is within the second before what it is rounded to.
    for (let ms = 0; ms <= wait - 1_000; ms += 100) {
      const left = waitOf(catchUps, reader("early"), page, start + ms);
      expect(left).toBeGreaterThan(0);
      expect(ms + left).toBeLessThan(wait + 1_000);
    }
    expect(waitOf(catchUps, reader("early"), page, start + wait)).toBe(0);
  });

  it("[LC-5] [BD-5] one principal has a bounded number of turns, so it does not take the time of others", () => {
    const catchUps = new CatchUps(quiet);
    for (let at = 0; at < 32; at++) waitOf(catchUps, reader(at), page, start);
    const waits = Array.from({ length: 1_000 }, (_, at) => waitOf(catchUps, reader(`m${at}`, "mallory"), page, start));
    expect(waits.filter((wait) => wait <= bounds.catchUpWaitMsMax)).toHaveLength(bounds.catchUpTurnsPerPrincipalMax);
    expect(waitOf(catchUps, reader("bob"), page, start)).toBeLessThanOrEqual(
      Math.ceil(((bounds.catchUpTurnsPerPrincipalMax + 1) * page) / pace / 1_000) * 1_000,
    );
  });

  it("[BD-5] a turn that nobody takes is forgotten, and those who come later than the longest wait are spread", () => {
    const seeded = new Random(2);
    const catchUps = new CatchUps({ unread: () => 0, random: { fraction: () => seeded.next() } });
    const all = 5_000;
    const waits = Array.from({ length: all }, (_, at) => waitOf(catchUps, reader(at), 100_000, start));
    const late = waits.filter((wait) => wait > bounds.catchUpWaitMsMax);
    expect(late.length).toBeLessThan(all / 2);
    const turns = waits.filter((wait) => wait > 0 && wait <= bounds.catchUpWaitMsMax).length;
    expect(turns).toBeLessThanOrEqual(bounds.catchUpTurnsMax);
    const much = Array.from({ length: 1_000 }, (_, at) => waitOf(catchUps, reader(`x${at}`), page, start));
    expect(new Set(much).size).toBeGreaterThan(bounds.catchUpWaitMsMax / 2_000);
    const after = start + bounds.catchUpWaitMsMax + bounds.catchUpTurnMsMax + 1_000;
    expect(waitOf(catchUps, reader(all - 1), 100_000, after)).toBe(0);
    for (let at = 0; at < 32; at++) waitOf(catchUps, reader(`y${at}`), page, after);
    expect(waitOf(catchUps, reader("z"), page, after)).toBe(1_000);
  });

  it("[LC-5] what is not read yet delays others, and a clock that is set back does not keep them away", () => {
    let unread = bounds.catchUpBytesMax + 3_000 * pace - page;
    const catchUps = new CatchUps({ unread: () => unread, random: { fraction: () => 0 } });
    expect(waitOf(catchUps, reader("a"), page, start)).toBe(3_000);
    unread = 0;
    const back = start - 24 * 60 * 60 * 1_000;
    expect(waitOf(catchUps, reader("a"), page, back)).toBe(0);
    expect(waitOf(catchUps, reader("b"), page, back)).toBe(0);
  });
});

describe("connect, while many catch up", () => {
  const busy = (): TestPartition => {
    const room = new TestPartition();
    const writer = room.client("writer");
    for (let at = 0; at < 40; at++) writer.submit(`d${at}`, "set", { target: "n", value: "x".repeat(1_000) });
    room.unread = bounds.catchUpBytesMax + bounds.readBytesPerSecondOfPartition * 4;
    return room;
  };

  it("[LC-5] [ER-4] is refused for now where much was missed, and answered when it comes again", () => {
    const room = busy();
    const late = room.open();
    const [refused] = late.connect("late", { sinceEventId: 0 });
    expect(refused).toMatchObject({
      type: "error",
      payload: { code: "overloaded", status: 503, retryable: true, retryAfter: 5 },
    });
    expect(refused.inReplyTo).toBeDefined();
    room.unread = 0;
    room.now += 5_000;
    expect(late.connect("late", { sinceEventId: 0 }).map(({ type }) => type)).toEqual(["connected", "sync_response"]);
  });

  it("[LC-5] is answered where little or nothing was missed, and what is connected goes on", () => {
    const room = busy();
    const types = (more: object) => room.client(`c${JSON.stringify(more).length}`, more).received;
    expect(types({ sinceEventId: 40 })).toEqual(["connected", "page"]);
    expect(types({ sinceEventId: 35 })).toEqual(["connected", "page"]);
    expect(types({})).toEqual(["connected"]);
    expect(types({ sinceEventId: 0, maxBytes: bounds.pageBytesMin })).toEqual(["connected", "page"]);
    const open = room.client("open");
    expect(open.send("sync", { sinceEventId: 0 })[0].type).toBe("sync_response");
    expect(open.submit("new", "set", { target: "n", value: 1 }).type).toBe("event_accepted");
  });
});

describe("a partition to which all clients come back", () => {
  it("[LC-5] [BD-5] sends at once what fits, and the others their pages in their turns", async () => {
    const room = new TestShell();
    const writer = await room.open();
    writer.send("connect", { clientId: "writer", version: "1", echo: false });
    for (let at = 1; at <= 20; at++) {
      const event = { type: "set", payload: { target: "n", value: "x".repeat(60_000) } };
      writer.send("submit_event", { draftId: `d${at}`, event });
      room.elapse(1);
    }
    writer.close();
    room.elapse(10_000);

    const clients = 100;
    const devices = await Promise.all(Array.from({ length: clients }, () => room.open()));
    const connect = (at: number) =>
      devices[at]!.send("connect", { clientId: `c${at}`, version: "1", sinceEventId: 0, credit: page });
    for (let at = 0; at < clients; at++) connect(at);
    room.elapse(1);
    const has = (at: number) => devices[at]!.frames.some((frame) => frame.includes('"type":"sync_response"'));
    const refusals = (at: number): Message[] =>
      devices[at]!.frames.filter((frame) => frame.includes('"code":"overloaded"')).map(
        (frame) => JSON.parse(frame) as Message,
      );
    const sent = () => devices.reduce((sum, { sentUnits }) => sum + sentUnits, 0);
    expect(devices.filter((_, at) => has(at))).toHaveLength(bounds.catchUpBytesMax / page);
    expect(sent()).toBeLessThanOrEqual(bounds.catchUpBytesMax + clients * 1_024);
    const began = room.now;
    const waiting = devices.flatMap((_, at) =>
      has(at) ? [] : [{ at, ms: refusals(at)[0].payload.retryAfter * 1_000 }],
    );
    for (const { at, ms } of waiting) {
      room.elapse(Math.max(began + ms - room.now, 0));
      connect(at);
      room.elapse(1);
      expect(has(at)).toBe(true);
      expect(refusals(at)).toHaveLength(1);
    }
    expect(room.now - began).toBeLessThanOrEqual((clients * page) / pace + 1_000);
    for (const device of devices) device.close();
    expect(room.timers).toBe(0);
  });
});

it("[LC-5] [BD-4] clients that ask for pages at the same time get small ones while much is unread, and all that they ask for", async () => {
  const room = new TestShell();
  const author = (at: number) => ({ principal: `p${at}`, permissions: "all" as const });
  const text = "x".repeat(8_000);
  for (let at = 0; at < 128; at++) {
    const event = { type: "set", payload: { target: `k${at}`, value: { text } } as never };
    await room.submit(author(0), single({ draftId: `d${at}`, event, expectedEventId: undefined }));
  }
  room.elapse(60_000);
  const readers = await Promise.all(Array.from({ length: 150 }, (_, at) => room.open(author(at))));
  for (const [at, reader] of readers.entries()) reader.send("connect", { clientId: `c${at}`, version: "1" });
  room.elapse(0);
  const sent = () => readers.reduce((sum, { sentUnits }) => sum + sentUnits, 0);
  const before = sent();
  for (const reader of readers) reader.send("sync", { sinceEventId: 0 });
  room.elapse(0);
  expect(sent() - before).toBeGreaterThan(bounds.catchUpBytesMax / 2);
  expect(sent() - before).toBeLessThan(bounds.outstandingBytesMax);
  // The last one reads page by page, and gets the whole log.
  const last = readers.at(-1)!;
  let since = 0;
  for (let pages = 0; since < 128 && pages < 200; pages++) {
    const { type, payload } = last.messages.at(-1)!;
    expect(type).toBe("sync_response");
    const next = payload["nextSinceEventId"] as number;
    expect(next).toBeGreaterThan(since);
    since = next;
    last.send("sync", { sinceEventId: since });
    room.elapse(0);
  }
  expect(since).toBe(128);
});

it("[LC-5] [BD-3] [BD-4] clients that load a large state at the same time ask again while much is unread, and get all of it", async () => {
  const room = new TestShell({ snapshotChunkUnits: 256 * 1024 });
  const author = (at: number) => ({ principal: `p${at}`, permissions: "all" as const });
  const text = "x".repeat(20_000);
  for (let at = 0; at < 128; at++) {
    const event = { type: "set", payload: { target: `k${at}`, value: { text } } as never };
    await room.submit(author(0), single({ draftId: `d${at}`, event, expectedEventId: undefined }));
  }
  const written = room.alarm().then(() => true);
  const next = async () => {
    room.elapse(0);
    await turn();
    return false;
  };
  while (!(await Promise.race([written, next()])));
  const turns = () => {
    for (let at = 0; at < 100; at++) room.elapse(0);
  };
  room.elapse(60_000);
  const readers = await Promise.all(Array.from({ length: 300 }, (_, at) => room.open(author(at))));
  for (const [at, reader] of readers.entries()) {
    reader.send("connect", { clientId: `c${at}`, version: "1", stateChunks: true });
    reader.send("sync", {});
  }
  turns();
  const { eventIndex, chunks } = readers[0]!.messages.at(-1)!.payload.snapshot as {
    eventIndex: number;
    chunks: number;
  };
  const sent = () => readers.reduce((sum, { sentUnits }) => sum + sentUnits, 0);
  const before = sent();
  for (const chunk of [0, 1]) for (const reader of readers) reader.send("state_chunk", { eventIndex, chunk });
  turns();
  expect(sent() - before).toBeGreaterThan(bounds.outstandingBytesMax);
  expect(sent() - before).toBeLessThan(bounds.outstandingBytesMax + 1024 * 1024);
  const last = readers.at(-1)!;
  let state = "";
  for (let chunk = 0, refusals = 0; chunk < chunks; turns()) {
    last.send("state_chunk", { eventIndex, chunk });
    turns();
    const { type, payload } = last.messages.at(-1)!;
    if (type === "error") {
      expect(payload).toMatchObject({ code: "overloaded", retryable: true });
      expect(++refusals).toBeLessThan(5);
      room.elapse(payload.retryAfter * 1_000);
    } else {
      state += payload.text;
      chunk++;
    }
  }
  expect(Object.keys(JSON.parse(state) as object)).toHaveLength(128);
});
