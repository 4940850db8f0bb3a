import { describe, expect, it } from "vitest";
import { bounds } from "../../src/protocol/bounds.ts";
import { Outstanding, OutstandingSums } from "../../src/shell/outstanding.ts";
import type { Message } from "../support/partition.ts";
import { type ShellConnection, TestShell } from "../support/shell.ts";

const eventsMax = 1_100;
const mebibyte = 1024 * 1024;

/** A partition with a log of about 62 MiB, which is more than a connection may leave unproven with some pages more. */
async function longLog(): Promise<TestShell> {
  const room = new TestShell();
  const writer = await room.open();
  writer.send("connect", { clientId: "writer", version: "1", echo: false, credit: bounds.creditBytesMin });
  const value = "x".repeat(60_000);
  for (let at = 1; at <= eventsMax; at++) {
    writer.send("submit_event", { draftId: `d${at}`, event: { type: "set", payload: { target: "n", value } } });
    if (at % 16 === 0) writer.send("ack", { eventId: at });
    room.elapse(1);
  }
  writer.close();
  return room;
}

async function connected(room: TestShell, clientId: string, more: object = {}): Promise<ShellConnection> {
  const connection = await room.open();
  connection.send("connect", { clientId, version: "1", ...more });
  return connection;
}

/** Where each page that has come ends. */
const pagesOf = ({ frames }: ShellConnection) =>
  frames
    .filter((frame) => frame.includes('"type":"sync_response"'))
    .map((frame) => Number(/"nextSinceEventId":(\d+)/.exec(frame.slice(-200))![1]));

describe("a connection that reads nothing", () => {
  it("[BD-4] [LC-7] is sent no more than its bound and then what a slow reader takes, however often it asks, and ends at the bound of unproven bytes", async () => {
    const room = await longLog();
    const deaf = await connected(room, "deaf");
    const sizes: number[] = [];
    for (let second = 1; second <= 90 && deaf.ended.length === 0; second++) {
      for (let at = 0; at < 10; at++) {
        deaf.send("sync", { sinceEventId: 0 });
        room.elapse(100);
      }
      sizes.push(deaf.sentUnits);
      const most = bounds.outstandingBytesPerConnectionMax + 2 * mebibyte + second * bounds.readBytesPerSecond;
      expect(deaf.sentUnits).toBeLessThan(most);
    }
    expect(deaf.ended).toEqual([1013]);
    expect(sizes.at(-1)).toBeLessThan(bounds.unprovenBytesPerConnectionMax + 2 * mebibyte);
    expect(room.timers).toBe(0);
  });

  it("[BD-4] has no more pages made at once by frames that are refused before them", async () => {
    const room = await longLog();
    const deaf = await connected(room, "deaf");
    room.elapse(1);
    for (let at = 0; at < 400; at++) deaf.send("nonsense", {});
    for (let at = 0; at < 100; at++) deaf.send("sync", { sinceEventId: 0 });
    room.elapse(50);
    expect(deaf.messages.filter(({ type }) => type === "error")).toHaveLength(400);
    expect(pagesOf(deaf).length).toBeLessThan(8);
    room.elapse(30_000);
    expect(pagesOf(deaf).length).toBeGreaterThan(25);
  });

  it("[BD-4] proves nothing by events that it was not sent, nor by the same events again", async () => {
    const room = await longLog();
    const deaf = await connected(room, "deaf");
    for (let at = 0; at < 20; at++) {
      deaf.send("ack", { eventId: eventsMax });
      deaf.send("ack", { eventId: 1 });
      deaf.send("sync", { sinceEventId: 0 });
    }
    expect(pagesOf(deaf).length).toBeLessThan(7);
  });
});

describe("a connection that reads", () => {
  it("[BD-4] [LC-7] and asks for sixty pages at once is served to the end, in order", async () => {
    const room = await longLog();
    const reader = await connected(room, "reader");
    const first = 17;
    for (let at = 0; at < 60; at++) reader.send("sync", { sinceEventId: at * first });
    reader.send("submit_event", { draftId: "last", event: { type: "unset", payload: { target: "n" } } });
    expect(pagesOf(reader).length).toBeLessThan(8);
    room.elapse(70_000);
    expect(pagesOf(reader)).toEqual(Array.from({ length: 60 }, (_, at) => at * first + first));
    // Once, and after the pages: it is behind, and so receives no broadcast.
    expect(reader.frames.findIndex((frame) => frame.includes('"event_accepted"'))).toBe(reader.frames.length - 1);
    expect(reader.ended).toEqual([]);
    expect(room.timers).toBe(0);
  });

  it("[BD-4] and proves it waits for nothing, by the next page's number or by ack", async () => {
    const room = await longLog();
    const reader = await connected(room, "reader");
    let since = 0;
    for (let at = 0; at < 60; at++) {
      reader.send("sync", { sinceEventId: since });
      room.elapse(1);
      since = pagesOf(reader).at(-1)!;
      expect(pagesOf(reader)).toHaveLength(at + 1);
    }
    const other = await connected(room, "other", { sinceEventId: 0 });
    for (let at = 0; at < 60; at++) other.send("sync", { sinceEventId: 17 * at });
    for (let at = 0; pagesOf(other).length < 61; at++) {
      expect(at).toBeLessThan(61);
      other.send("ack", { eventId: pagesOf(other).at(-1)! });
      room.elapse(0);
    }
    expect(other.ended).toEqual([]);
  });
});

/** Drafts whose replies are large: a rejection that lists long fields, and an acceptance. */
const largeDrafts: [string, (draftId: string) => object][] = [
  [
    "rejected",
    (draftId) => {
      const fields = Array.from({ length: 36 }, (_, at) => ["\u0001".repeat(240) + at, 0]);
      return { draftId, event: { type: "set", payload: Object.fromEntries(fields) } };
    },
  ],
  ["accepted", (draftId) => ({ draftId, event: { type: "set", payload: { target: "n", value: "x".repeat(50_000) } } })],
];

const verdictsOf = ({ frames }: ShellConnection) =>
  frames
    .filter((frame) => /"type":"event_(accepted|rejected)"/.test(frame))
    .map((frame) => (JSON.parse(frame) as Message).payload.draftId as string);

describe.each(largeDrafts)("replies to drafts that were %s", (_, draft) => {
  it.each([
    ["over a socket", false, bounds.outstandingBytesPerConnectionMax],
    ["over a stream", true, bounds.streamUnreadMax],
  ])("[BD-4] %s are no more than a connection may have that reads nothing", async (_where, isStream, most) => {
    const room = new TestShell();
    const deaf = await room.open(undefined, false, { isStream });
    deaf.send("connect", { clientId: "deaf", version: "1" });
    deaf.send("submit_event", draft("d"));
    room.elapse(1);
    expect(verdictsOf(deaf)).toEqual(["d"]);
    for (let at = 0; at < 400; at++) deaf.send("submit_event", draft("d"));
    room.elapse(1_000);
    expect(deaf.sentUnits).toBeLessThan(most + 2 * mebibyte);
    expect(verdictsOf(deaf).length).toBeGreaterThan(15);
  });

  it("[BD-4] count as what was asked for, also one by one", async () => {
    const room = new TestShell();
    const deaf = await connected(room, "deaf");
    for (let at = 0; at < 250; at++) {
      deaf.send("submit_event", draft("d"));
      room.elapse(1);
    }
    expect(deaf.sentUnits).toBeLessThan(bounds.outstandingBytesPerConnectionMax + mebibyte);
    expect(deaf.sentUnits).toBeGreaterThan(bounds.outstandingBytesPerConnectionMax / 2);
  });

  it.each([
    ["a socket", false],
    ["a stream", true],
  ])("[BD-4] [WP-12] all come, in order, over %s that is read", async (_where, isStream) => {
    const room = new TestShell();
    const reader = await room.open(undefined, false, { isStream });
    reader.send("connect", { clientId: "reader", version: "1", probes: true, echo: false });
    const expected: string[] = [];
    for (let round = 0; round < 8; round++) {
      for (let at = 0; at < 35; at++) {
        expected.push(`d${at}`);
        reader.send("submit_event", draft(`d${at}`));
      }
      for (let turns = 0; verdictsOf(reader).length < expected.length; turns++) {
        expect(turns).toBeLessThan(100);
        room.elapse(1);
        if (isStream) reader.readAll();
        const probe = reader.messages.findLast(({ type }) => type === "probe")?.payload.probe;
        if (probe !== undefined) reader.send("ack", { eventId: 0, probe });
      }
    }
    expect(verdictsOf(reader)).toEqual(expected);
    expect(reader.ended).toEqual([]);
  });
});

/** A partition whose log stays as it is, with a peer that shows something else every 50 ms, and another connection. */
async function presenceOnly(more: object) {
  const room = new TestShell();
  const peer = await connected(room, "peer", { presence: true });
  const watcher = await connected(room, "watcher", { presence: true, ...more });
  let shown = 0;
  const show = () => {
    peer.send("presence", { state: { at: ++shown, text: "x".repeat(2_000) } });
    room.elapse(bounds.presenceIntervalMs);
  };
  return { watcher, show };
}

/** The probe in the last frame of a connection, if there is one. */
function lastProbe({ frames }: ShellConnection): string | undefined {
  const frame = frames.at(-1)!;
  return frame.includes('"type":"probe"') ? (JSON.parse(frame) as Message).payload.probe : undefined;
}

describe("presence while the log is quiet", () => {
  const showings = Math.ceil((2 * bounds.unprovenBytesPerConnectionMax) / 2_000);

  it("[BD-4] [CL-8] never ends a connection that returns the probes, which come once in a mebibyte", async () => {
    const { watcher, show } = await presenceOnly({ probes: true });
    let returned = 0;
    for (let at = 0; at < showings; at++) {
      show();
      const probe = lastProbe(watcher);
      if (probe === undefined) continue;
      returned++;
      watcher.send("ack", { eventId: 0, probe });
    }
    expect(watcher.ended).toEqual([]);
    expect(returned).toBeGreaterThan(120);
    expect(returned).toBeLessThan(150);
  });

  it.each([
    ["did not ask for probes", {}, undefined],
    ["does not return them", { probes: true }, undefined],
    ["returns others", { probes: true }, "nonce-1"],
  ])("[BD-4] [LC-7] ends one that %s at the bound of unproven bytes", async (_, more, guess) => {
    const { watcher, show } = await presenceOnly(more);
    let probes = 0;
    for (let at = 0; at < showings && watcher.ended.length === 0; at++) {
      show();
      if (lastProbe(watcher) !== undefined) probes++;
      if (guess !== undefined) watcher.send("ack", { eventId: 0, probe: guess });
    }
    expect(watcher.ended).toEqual([1013]);
    expect(watcher.sentUnits).toBeGreaterThan(bounds.unprovenBytesPerConnectionMax);
    expect(probes > 0).toBe("probes" in more);
  });
});

describe("a probe", () => {
  it("[BD-4] proves what was sent before it, each once, also behind a later one", () => {
    const account = new Outstanding(new OutstandingSums(), undefined, () => {});
    for (const probe of ["a", "b", "c"]) {
      account.sent(bounds.probeEveryBytes, -1, 0);
      expect(account.probeDue).toBe(true);
      account.probed(probe);
      expect(account.probeDue).toBe(false);
    }
    expect(account.proveProbe("b", 0)).toBe(true);
    expect(account.unproven).toBe(bounds.probeEveryBytes);
    for (const probe of ["b", "a", "d"]) expect(account.proveProbe(probe, 0)).toBe(false);
    expect(account.proveProbe("c", 0)).toBe(true);
    expect(account.unproven).toBe(0);
  });
});

describe("a frame with several drafts", () => {
  it("[BD-4] [WP-12] keeps their order where the last proves what lets the second be served", async () => {
    const room = await longLog();
    const reader = await connected(room, "reader");
    const set = (draftId: string, value: string, expectedEventId?: number) => {
      const payload = { draftId, event: { type: "set", payload: { target: "n", value } }, expectedEventId };
      return { id: draftId, type: "submit_event", timestamp: 0, payload };
    };
    // With the first draft beyond the bound, without it just below.
    for (const limit of [17, 17, 17, 17, 1]) reader.send("sync", { sinceEventId: 0, limit });
    room.elapse(1);
    reader.raw(JSON.stringify([set("first", "x".repeat(58_000)), set("second", ""), set("third", "", 1)]));
    expect(verdictsOf(reader)).toEqual(["first", "second", "third"]);
  });
});

describe("over hibernation", () => {
  it("[BD-4] [LC-8] what was proven to be read is not kept", async () => {
    const room = await longLog();
    const reader = await connected(room, "reader");
    for (const sinceEventId of [0, 0, 0, 17]) reader.send("sync", { sinceEventId });
    room.elapse(0);
    expect(reader.saved?.outstanding?.unproven).toBeGreaterThan(2 * mebibyte);
    reader.send("ack", { eventId: pagesOf(reader).at(-1)! });
    room.elapse(0);
    expect(reader.saved?.outstanding).toBe(undefined);
  });
});

describe("events of more windows than are kept separately", () => {
  it("[BD-4] are proven by the last of them; one that came before it proves no more than the runs that are kept", () => {
    const account = new Outstanding(new OutstandingSums(), undefined, () => {});
    for (let eventId = 1; eventId <= 100; eventId++) account.sent(10, eventId, undefined);
    expect(account.prove(2, 0)).toBe(true);
    expect(account.unproven).toBe(980);
    // From the 64th on they are one run, which ends with the last.
    expect(account.prove(99, 0)).toBe(true);
    expect(account.unproven).toBe(1_000 - 630);
    account.sent(10, 101, undefined);
    expect(account.prove(100, 0)).toBe(true);
    expect(account.unproven).toBe(10);
    expect(account.prove(101, 0)).toBe(true);
    expect(account.unproven).toBe(0);
  });
});

describe("a chunk of a snapshot", () => {
  it("[BD-3] [BD-4] is proven by the request for the next one, each once", () => {
    const account = new Outstanding(new OutstandingSums(), undefined, () => {});
    for (let chunk = 0; chunk < 100; chunk++) {
      if (chunk > 0) expect(account.proveChunk({ eventId: 7, chunk }, 0)).toBe(true);
      expect(account.msUntilServed(0)).toBe(0);
      account.sent(mebibyte, 7, 0);
      account.sentChunk({ eventId: 7, chunk });
    }
    expect(account.unproven).toBe(mebibyte);
    // The same again proves nothing.
    for (let chunk = 0; chunk < 10; chunk++) {
      expect(account.proveChunk({ eventId: 7, chunk }, 0)).toBe(false);
      account.sent(mebibyte, 7, 0);
      account.sentChunk({ eventId: 7, chunk });
    }
    expect(account.unproven).toBe(11 * mebibyte);
    expect(account.msUntilServed(0)).toBeGreaterThan(5_000);
  });
});
