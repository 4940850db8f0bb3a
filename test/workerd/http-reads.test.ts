import { describe, expect, it } from "vitest";
import { fresh, http, type Message } from "./wire.ts";

const submit = async (room: string, value: unknown, key = `k${value}`) =>
  await http(`/v1/partitions/${room}/events`, {
    method: "POST",
    headers: { "idempotency-key": key },
    body: JSON.stringify({ type: "set", payload: { target: "n", value } }),
  });
const read = (room: string, path: string, ifNoneMatch?: string) =>
  http(
    `/v1/partitions/${room}/${path}`,
    ifNoneMatch === undefined ? {} : { headers: { "if-none-match": ifNoneMatch } },
  );
const tagOf = async (room: string, path: string) => {
  const response = await read(room, path);
  await response.text();
  return response.headers.get("etag")!;
};

describe("polling", () => {
  it.each(["events", "events?since=1&limit=1", "state", "state?at=1", "state?at=0"])(
    "[OB-5] %s: what a client has is not sent again while it is the same",
    async (path) => {
      const room = fresh();
      for (const value of [1, 2]) await submit(room, value);
      const first = await read(room, path);
      const etag = first.headers.get("etag")!;
      expect(etag).toMatch(path.startsWith("events") ? /^"[\x21\x23-\x7e]+"$/ : /^W\/"[\x21\x23-\x7e]+"$/);
      expect(first.headers.get("cache-control")).toBe("private, no-cache");
      expect(first.headers.get("vary")?.split(", ")).toEqual(["Authorization", "Origin"]);
      const body = await first.text();
      for (const held of [etag, etag.replace("W/", ""), `"other", ${etag}`, "*", `W/${etag.replace("W/", "")}`]) {
        const again = await read(room, path, held);
        expect([held, again.status, await again.text()]).toEqual([held, 304, ""]);
        expect(again.headers.get("etag")).toBe(etag);
        expect(again.headers.get("cache-control")).toBe("private, no-cache");
        expect(again.headers.get("content-type")).toBeNull();
      }
      for (const other of ['"other"', etag.slice(0, -2), "", etag.replaceAll('"', "")]) {
        const again = await read(room, path, other);
        expect([other, again.status, await again.text()]).toEqual([other, 200, body]);
      }
    },
  );

  it("[OB-5] an event changes reads at the head, and no earlier ones", async () => {
    const room = fresh();
    const untouched = await tagOf(room, "state");
    for (const value of [1, 2]) await submit(room, value);
    const tags = {
      head: await tagOf(room, "state"),
      page: await tagOf(room, "events"),
      past: await tagOf(room, "state?at=1"),
    };
    expect(new Set([untouched, tags.head, tags.past]).size).toBe(3);
    expect(await tagOf(room, "state?at=2")).toBe(tags.head);
    await submit(room, 3);
    expect((await read(room, "state", tags.head)).status).toBe(200);
    expect((await read(room, "events", tags.page)).status).toBe(200);
    expect((await read(room, "state?at=1", tags.past)).status).toBe(304);
    expect((await read(room, "state?at=2", tags.head)).status).toBe(304);
  });

  it("[OB-5] [WP-11] another log with the same number of events has other ETags", async () => {
    const [room, other] = [fresh(), fresh()];
    for (const name of [room, other]) await submit(name, 1);
    for (const path of ["events", "state"]) {
      expect((await read(other, path, await tagOf(room, path))).status).toBe(200);
    }
  });

  it("[WP-11] [BD-8] a page proves its last event, and is refused to who proves another log", async () => {
    const room = fresh();
    for (const value of [1, 2, 3]) await submit(room, value);
    const plain = await read(room, "events?since=1&limit=1");
    expect(plain.headers.get("etag")).toBe(await tagOf(room, "events"));
    const text = await plain.text();
    const proven = await (await read(room, "events?since=1&limit=1&proofs=true")).text();
    const { proof, nextSinceEventId } = JSON.parse(proven) as Message;
    expect(proven).toBe(text.replace(/}$/, `,"proof":"${proof}"}`));
    const next = await read(room, `events?since=${nextSinceEventId}&proof=${proof}`);
    expect(((await next.json()) as Message).events).toHaveLength(1);
    for (const held of [undefined, "*"]) {
      const response = await read(room, `events?since=2&proof=ffffffffffffffff`, held);
      expect(await response.json()).toMatchObject({ code: "log_replaced", status: 409, retryable: false });
    }
    expect((await read(room, `events?since=2&proof=${proof}`, "*")).status).toBe(304);
  });

  it("[OB-5] a read past the head is refused, whatever If-None-Match is", async () => {
    const room = fresh();
    await submit(room, 1);
    for (const path of ["events?since=2", "state?at=2"]) {
      const response = await read(room, path, "*");
      expect(await response.json()).toMatchObject({ code: "cursor_ahead", status: 409, currentEventIndex: 1 });
      expect(response.headers.get("etag")).toBeNull();
    }
  });

  it("[BD-3] [OB-5] a large state is sent while it is made, with the same headers, and HEAD leaves nothing open", async () => {
    const room = fresh();
    const value = "é😀".repeat(9_000);
    for (let at = 0; at < 10; at++) {
      const response = await http(`/v1/partitions/${room}/events`, {
        method: "POST",
        headers: { "idempotency-key": `k${at}` },
        body: JSON.stringify({ type: "set", payload: { target: `t${at}`, value } }),
      });
      expect(response.status).toBe(201);
      await response.text();
    }
    for (let times = 0; times < 10; times++) {
      const head = await http(`/v1/partitions/${room}/state`, { method: "HEAD" });
      expect([head.status, await head.text()]).toEqual([200, ""]);
    }
    const responses = await Promise.all([1, 2, 3].map(() => read(room, "state")));
    for (const response of responses) {
      expect(response.headers.get("content-type")).toBe("application/json");
      expect(response.headers.get("etag")).toMatch(/^W\//);
      const { state, eventIndex } = (await response.json()) as Message;
      expect(eventIndex).toBe(10);
      expect(state).toEqual(Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`t${at}`, value])));
    }
    expect((await read(room, "state", responses[0]!.headers.get("etag")!)).status).toBe(304);
  });

  it("[WP-7] [BD-7] a page has at most the bytes that were asked for, and a reader goes on after it", async () => {
    const room = fresh();
    for (let n = 1; n <= 4; n++) await submit(room, "x".repeat(6_000), `k${n}`);
    const seen: number[][] = [];
    for (let since = 0, more = true; more;) {
      const page = (await (await read(room, `events?since=${since}&maxBytes=1`)).json()) as Message;
      seen.push(page.events.map(({ eventId }: Message) => eventId));
      ({ nextSinceEventId: since, hasMore: more } = page);
    }
    expect(seen).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  it("[OB-5] HEAD is GET without the body", async () => {
    const room = fresh();
    await submit(room, 1);
    const response = await http(`/v1/partitions/${room}/state`, { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(response.headers.get("etag")).toBe(await tagOf(room, "state"));
  });
});

describe("query parameters", () => {
  it.each([
    ["events?since=1&since=2", ["since"]],
    ["events?limit=1&limit=1", ["limit"]],
    ["events?maxBytes=1k", ["maxBytes"]],
    ["events?since=-1&limit=x", ["since", "limit"]],
    ["events?since=99999999999999999", ["since"]],
    ["events?since=9007199254740993", ["since"]],
    ["events?since=%31%00", ["since"]],
    ["events?since=٣", ["since"]],
    ["state?at=+1", ["at"]],
    ["state?at=0x1", ["at"]],
    ["state?at=1&at=1", ["at"]],
  ])("[ER-3] %s is refused, with every violation", async (path, fields) => {
    const response = await read(fresh(), path);
    const received = (await response.json()) as Message;
    expect(received).toMatchObject({ status: 400, code: "bad_request" });
    expect(received.errors.map(({ field }: Message) => field)).toEqual(fields);
    expect(received.detail).toBe(
      `${fields.map((field) => `"${field}"`).join(" and ")} must be a whole number from 0 on.`,
    );
  });

  it("[WP-8] unknown parameters are ignored", async () => {
    expect((await read(fresh(), "events?since=0&utm_source=x&__proto__=1&constructor=2")).status).toBe(200);
  });
});
