import { describe, expect, it } from "vitest";
import { answerEvents } from "../../src/wire/partita/answers.ts";
import { loggedText } from "../../src/wire/partita/codec.ts";
import { bounds } from "../../src/protocol/index.ts";
import { type Message, TestPartition } from "../support/partition.ts";

const set = (value: number | string) => ({ target: "n", value });
/** What a page says of each event. */
const told = ({ payload }: Message) =>
  payload.events.map(({ eventId, draftId, event }: Message) => [eventId, draftId, event.clientId]);

describe("connect.draftIds", () => {
  it("[WP-7] names the drafts of own events on every page, and no others", () => {
    const room = new TestPartition();
    const [a, b] = [room.client("a"), room.client("b")];
    a.submit("a1", "set", set(1));
    b.submit("b1", "set", set(2));
    a.submit("a2", "set", set(3));
    const again = room.open();
    const [, first] = again.connect("a", { draftIds: true, sinceEventId: 1 });
    expect(told(first)).toEqual([
      [2, undefined, "b"],
      [3, "a2", "a"],
    ]);
    const all = [
      [1, "a1", "a"],
      [2, undefined, "b"],
      [3, "a2", "a"],
    ];
    expect(told(again.send("sync", { sinceEventId: 0 })[0])).toEqual(all);
    expect(told(again.send("sync", {})[0])).toEqual(all);
    // Over hibernation, too.
    room.restart();
    const woken = room.attach(again.saved);
    expect(told(woken.send("sync", { sinceEventId: 0 })[0])).toEqual(all);
    // A connection that did not ask gets nothing new, and neither does HTTP.
    const plain = room.client("a").send("sync", { sinceEventId: 0 })[0];
    expect(JSON.stringify(plain)).not.toContain("draftId");
    const textOf = loggedText("room", room.partition.authors, { authors: false });
    expect(answerEvents(room.partition.events(0, undefined, room.now), "", textOf).body).not.toContain("draftId");
  });

  it("[WP-7] names them in broadcasts, too, for who asks for it, also where the draft came over another connection", () => {
    const room = new TestPartition();
    const [asks, plain] = [room.open(), room.open()];
    asks.connect("a", { broadcastDraftIds: true, frames: "array", credit: 65_536 });
    plain.connect("a", { draftIds: true });
    const before = room.client("a");
    before.submit("a1", "set", set(1));
    room.client("b").submit("b1", "set", set(2));
    const seen = (connection: typeof asks) =>
      connection.of("broadcast").map(({ payload: { eventId, draftId } }: Message) => [eventId, draftId]);
    expect(seen(asks)).toEqual([
      [1, "a1"],
      [2, undefined],
    ]);
    expect(seen(plain)).toEqual([
      [1, undefined],
      [2, undefined],
    ]);
    // Nothing else of it is different.
    const [own, other] = [asks, plain].map((connection) => connection.of("broadcast")[0]);
    expect({ ...own.payload, draftId: undefined }).toEqual({ ...other.payload, draftId: undefined });
  });

  it("[WP-7] [ID-9] own is what has the same principal, whatever its client is called", () => {
    const room = new TestPartition();
    const connect = (principal: string, clientId: string, more = {}) => {
      const connection = room.open({ principal, permissions: "all" });
      connection.connect(clientId, more);
      return connection;
    };
    connect("user:ann", "phone").submit("p1", "set", set(1));
    connect("user:bob", "laptop").submit("b1", "set", set(2));
    const [page] = connect("user:ann", "laptop", { draftIds: true }).send("sync", { sinceEventId: 0 });
    expect(told(page)).toEqual([
      [1, "p1", "phone"],
      [2, undefined, "laptop"],
    ]);
  });

  it("[WP-7] changes nothing else of a page, and nothing of a broadcast", () => {
    const room = new TestPartition();
    const [asking, plain] = [room.client("a", { draftIds: true }), room.client("a")];
    asking.submit('quoted"\\', "set", set("x"));
    const pages = [asking, plain].map((connection) => {
      connection.send("sync", { sinceEventId: 0 });
      return connection.frames.at(-1)!.replace(/m-\d+/g, "m");
    });
    expect(pages[0]!.replace(',"draftId":"quoted\\"\\\\"', "")).toBe(pages[1]);
    expect(pages[0]).not.toBe(pages[1]);
    expect(asking.of("broadcast")).toEqual(plain.of("broadcast"));
  });

  it("[WP-7] [MD-11] a page stays within its bytes", () => {
    const room = new TestPartition();
    const a = room.client("a", { draftIds: true });
    for (let at = 0; at < 1_000; at++) a.submit(`${at}`.padEnd(128, '"'), "set", set("x".repeat(690)));
    a.send("sync", { sinceEventId: 0, limit: 1_000 });
    expect(Buffer.byteLength(a.frames.at(-1)!)).toBeLessThanOrEqual(bounds.pageBytesMax);
  });

  it("[WP-8] must be a boolean", () => {
    const [answer] = new TestPartition().open().connect("a", { draftIds: "yes" });
    expect(answer.payload).toMatchObject({ code: "bad_request", errors: [{ field: "payload.draftIds" }] });
  });
});
