import { env, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { EventSink } from "../../src/shell/event-sink.ts";
import { bounds } from "../../src/protocol/index.ts";
import { Events, type StreamEvent } from "../support/events.ts";
import { fresh, http, type Message, Wire } from "./wire.ts";

const stubOf = (room: string) => env.PARTITIONS.getByName(`default/${room}`);
const set = (value: unknown, target = "n") => ({ target, value });
const open: Events[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((events) => events.cancel()));
});

async function read(room: string, query = "", headers: Record<string, string> = {}): Promise<Events> {
  const events = new Events(await http(`/v1/partitions/${room}/events/stream${query}`, { headers })).flow();
  open.push(events);
  return events;
}

/** Submits `count` events of `bytes` each, up to the id `last`, and closes. */
async function submit(room: string, count: number, bytes = 1): Promise<void> {
  const wire = await Wire.connected(room, "writer", { echo: false });
  const value = "x".repeat(bytes);
  for (let from = 0; from < count; from += 200) {
    const events = Array.from({ length: Math.min(200, count - from) }, (_, at) => ({
      draftId: `d${from + at}-${crypto.randomUUID()}`,
      event: { type: "set", payload: set(value) },
    }));
    if (bytes > 300) for (const event of events) await wire.submit(event.draftId, "set", event.event.payload);
    else {
      const batchId = crypto.randomUUID();
      const payload = { batchId, mode: "sequential", events };
      wire.raw(JSON.stringify({ id: batchId, type: "submit_events", timestamp: 1, payload }));
      await wire.message((message) => message.payload.batchId === batchId);
    }
  }
  wire.close();
}

const numbered = (received: readonly StreamEvent[]) => received.filter(({ event }) => event === undefined);
const idsOf = (received: readonly StreamEvent[]) => numbered(received).map(({ id }) => Number(id));
const run = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
const upTo = (eventId: number) => (received: readonly StreamEvent[]) =>
  received.find(({ id, event }) => !event && Number(id) === eventId);

/** A connection without a WebSocket. */
class Posted {
  readonly events: Events;
  readonly room: string;
  id = "";
  sent = 0;
  #requests = 0;

  private constructor(room: string, events: Events) {
    this.room = room;
    this.events = events;
  }

  static async open(room: string): Promise<Posted> {
    const events = new Events(await http(`/v1/partitions/${room}/connection`, { method: "POST" })).flow();
    open.push(events);
    const posted = new Posted(room, events);
    const first = await events.first((received) => received[0]);
    expect(first!.event).toBe("connection");
    posted.id = (JSON.parse(first!.data) as Message).connectionId;
    return posted;
  }

  static async connected(room: string, clientId = "a", more: object = {}): Promise<Posted> {
    const posted = await Posted.open(room);
    await posted.ask("connect", { clientId, version: "1", ...more });
    return posted;
  }

  get frames(): string[] {
    return this.events.received.filter(({ event }) => event === undefined).map(({ data }) => data);
  }

  post(frames: readonly string[], before = this.sent): Promise<Response> {
    this.sent = before + frames.length;
    return http(`/v1/partitions/${this.room}/connection/${this.id}`, {
      method: "POST",
      body: JSON.stringify({ before, frames }),
    });
  }

  async ask(type: string, payload: object): Promise<Message> {
    const id = `m-${++this.#requests}`;
    expect((await this.post([JSON.stringify({ id, type, timestamp: 1, payload })])).status).toBe(202);
    return await this.message((message) => message.inReplyTo === id);
  }

  async message(fits: (message: Message) => boolean): Promise<Message> {
    return await this.events.first(() => this.frames.map((frame) => JSON.parse(frame) as Message).find(fits));
  }
}

const draft = (draftId: string, value: unknown) => ({ draftId, event: { type: "set", payload: set(value) } });
const frame = (type: string, payload: object) => JSON.stringify({ id: "x", type, timestamp: 1, payload });

describe("the log as server-sent events", () => {
  it("[WP-5] [WP-6] sends pages and then new events, without a gap, in the bytes of a broadcast", async () => {
    const room = fresh();
    await submit(room, 1_100);
    const wire = await Wire.connected(room, "watcher");
    // While it catches up, more events are committed.
    const events = await read(room, "?since=0");
    await submit(room, 300);
    await events.first(upTo(1_400));
    expect(idsOf(events.received)).toEqual(run(1, 1_400));
    const [connected] = events.received;
    expect(connected).toMatchObject({ event: "connected", id: "0" });
    expect(JSON.parse(connected!.data)).toEqual({ serverId: expect.any(String), currentEventIndex: 1_100 });
    const broadcast = await wire.message(({ type, payload }) => type === "broadcast" && payload.eventId === 1_400);
    expect(JSON.parse(numbered(events.received).at(-1)!.data)).toEqual(broadcast.payload);
    expect(wire.frames.at(-1)).toContain(numbered(events.received).at(-1)!.data);
    wire.close();
  });

  it("[WP-5] begins after Last-Event-ID, or after since, or at the head", async () => {
    const room = fresh();
    await submit(room, 5);
    const atHead = await read(room);
    const since = await read(room, "?since=3");
    const back = await read(room, "?since=0", { "last-event-id": "4" });
    await atHead.first((received) => received[0]);
    await submit(room, 1);
    for (const [events, from] of [
      [atHead, 6],
      [since, 4],
      [back, 5],
    ] as const) {
      await events.first(upTo(6));
      expect(idsOf(events.received)).toEqual(run(from, 6));
    }
    // A reader that is disconnected before its first event continues here, not at a later head.
    expect(atHead.received[0]).toMatchObject({ event: "connected", id: "5" });
  });

  it("[WP-11] [BD-8] with proofs, its ids prove the log, and resume in it only", async () => {
    const room = fresh();
    await submit(room, 2);
    const page = (await (await http(`/v1/partitions/${room}/events?proofs=true`)).json()) as Message;
    const empty = await read(fresh(), "?proofs=true");
    expect((await empty.first((received) => received[0]))!.id).toBe("0");
    const stream = await read(room, "?since=1&proofs=true");
    await stream.first((received) => numbered(received)[0]);
    const ids = stream.received.map(({ id }) => id);
    expect(ids).toEqual([expect.stringMatching(/^1\.[0-9a-f]{16}$/), `2.${page.proof}`]);
    const plain = await read(room, "?since=1");
    await plain.first(upTo(2));
    expect(numbered(plain.received)).toEqual([{ ...numbered(stream.received)[0], id: "2" }]);
    // As an EventSource resumes, with and without the parameter.
    for (const query of ["", "?proofs=true", "?since=0&proof=other"]) {
      const back = await read(room, query, { "last-event-id": ids[0]! });
      await back.first((received) => numbered(received)[0]);
      expect(numbered(back.received)[0]!.data).toBe(numbered(stream.received)[0]!.data);
    }
    const refusal = async (query: string, headers: Record<string, string>) =>
      (await (await http(`/v1/partitions/${room}/events/stream${query}`, { headers })).json()) as Message;
    const replaced = { status: 409, code: "log_replaced" };
    expect(await refusal("", { "last-event-id": "2.ffffffffffffffff" })).toMatchObject(replaced);
    expect(await refusal("?since=2&proof=t1", {})).toMatchObject(replaced);
    expect(await refusal("", { "last-event-id": "2." })).toMatchObject({ errors: [{ field: "Last-Event-ID" }] });
    expect(await refusal("?proofs=1&proof=%00", {})).toMatchObject({
      errors: [{ field: "proof" }, { field: "proofs" }],
    });
  });

  it("[ER-1] a refusal before it begins is a problem document", async () => {
    const room = fresh();
    const ask = async (query: string, headers: Record<string, string> = {}) => {
      const response = await http(`/v1/partitions/${room}/events/stream${query}`, { headers });
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      return (await response.json()) as Message;
    };
    expect(await ask("?since=7")).toMatchObject({ status: 409, code: "cursor_ahead", currentEventIndex: 0 });
    expect(await ask("?since=-1")).toMatchObject({ status: 400, errors: [{ field: "since" }] });
    expect(await ask("", { "last-event-id": "x" })).toMatchObject({
      status: 400,
      errors: [{ field: "Last-Event-ID" }],
    });
  });

  it("[LC-3] creates nothing by reading", async () => {
    const room = fresh();
    const events = await read(room);
    await events.first((received) => received[0]);
    await Posted.connected(room);
    await runInDurableObject(stubOf(room), async (_, ctx) => {
      expect(ctx.storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'events'").toArray()).toEqual([]);
      expect(await ctx.storage.getAlarm()).toBeNull();
    });
  });

  it("[LC-7] waits for a reader that does not read, and buffers little for it", async () => {
    const room = fresh();
    const events = new Events(await http(`/v1/partitions/${room}/events/stream?since=0`));
    open.push(events);
    const given = vi.spyOn(EventSink.prototype, "send");
    await submit(room, 100, 60_000);
    const units = given.mock.calls.reduce((sum, [data]) => sum + data.length, 0);
    given.mockRestore();
    // Of six megabytes it gets only what its credit allows.
    expect(units).toBeGreaterThan(100_000);
    expect(units).toBeLessThan(600_000);
    events.flow();
    await submit(room, 1);
    await events.first(upTo(101));
    expect(idsOf(events.received)).toEqual(run(1, 101));
  });
});

describe("a connection without a WebSocket", () => {
  it("[WP-1] [WP-5] [ID-1] carries exactly the frames of a socket", async () => {
    const room = fresh();
    const wire = await Wire.connected(room, "a");
    const posted = await Posted.connected(room, "a");
    await posted.post([frame("submit_event", draft("d1", 1)), frame("submit_event", draft("d2", 2))]);
    await posted.message(({ id }) => id === "b-2");
    // A replay over the socket: the same bytes.
    const before = wire.frames.length;
    wire.raw(frame("submit_event", draft("d1", 1)));
    await wire.until(() => wire.frames.length > before);
    expect(posted.frames).toContain(wire.frames.at(-1));
    expect(posted.frames.slice(1).map((text) => (JSON.parse(text) as Message).id)).toEqual([
      "a-1",
      "b-1",
      "a-2",
      "b-2",
    ]);
    for (const text of wire.frames.slice(1, 3)) expect(posted.frames).toContain(text);
    const [overHttp, overSocket] = [await posted.ask("hash", {}), await wire.ask("hash", {})];
    expect(overHttp.payload).toEqual(overSocket.payload);
    wire.close();
  });

  it("[WP-10] [TX-6] [LC-7] supports arrays, batches, credit and pages like a socket", async () => {
    const room = fresh();
    const posted = await Posted.connected(room, "a", { frames: "array", credit: bounds.creditBytesMin, echo: false });
    const events = [draft("m1", 1), draft("m2", 2)];
    await posted.post([frame("submit_events", { batchId: "b", mode: "atomic", events })]);
    const result = await posted.message(({ payload }) => payload?.batchId === "b");
    expect(result.payload.results.map(({ status }: Message) => status)).toEqual(["accepted", "accepted"]);
    await submit(room, 3, 30_000);
    await posted.message(({ type }) => type === "head");
    const page = await posted.ask("sync", { sinceEventId: 4 });
    expect(page.payload).toMatchObject({ currentEventIndex: 5, hasMore: false, nextSinceEventId: 5 });
    await submit(room, 50);
    const arrays = await posted.events.first(() => posted.frames.find((text) => text.startsWith("[")));
    expect((JSON.parse(arrays!) as Message[]).every(({ type }) => type === "broadcast")).toBe(true);
  });

  it("[CL-8] shows presence to sockets, and leaves when its reader disconnects", async () => {
    const room = fresh();
    const wire = await Wire.connected(room, "b", { presence: true });
    const posted = await Posted.connected(room, "a", { presence: true });
    await posted.post([frame("presence", { state: { at: 1 } })]);
    const shown = await wire.message(({ type, payload }) => type === "presence" && payload.peers.length === 1);
    expect(shown.payload.peers[0]).toMatchObject({ clientId: "a", state: { at: 1 } });
    await posted.events.cancel();
    // A lost peer is noticed at the next write.
    await submit(room, 2);
    await wire.message(({ type, payload }) => type === "presence" && payload.gone.length === 1);
    expect((await posted.post([frame("heartbeat", {})])).status).toBe(404);
    wire.close();
  });

  it("[WP-9] answers the constant heartbeat", async () => {
    const posted = await Posted.connected(fresh());
    expect((await posted.post(['{"type":"heartbeat"}'])).status).toBe(202);
    expect(
      await posted.events.first(() => posted.frames.find((text) => text === '{"type":"heartbeat"}')),
    ).toBeDefined();
  });

  it("[WP-12] processes each frame once and in order: retried frames are skipped, and a gap ends it", async () => {
    const room = fresh();
    const posted = await Posted.connected(room);
    const three = ["d1", "d2", "d3"].map((id) => frame("submit_event", draft(id, id)));
    await posted.post(three.slice(0, 2));
    // Sent twice, with one more frame after it.
    await posted.post(three, 1);
    await posted.message(({ id }) => id === "b-3");
    expect(posted.frames.filter((text) => text.includes("event_accepted"))).toHaveLength(3);
    const response = await posted.post([frame("heartbeat", {})], 5);
    expect(response.status).toBe(400);
    expect(((await response.json()) as Message).code).toBe("bad_request");
    const end = await posted.events.first((received) => received.find(({ event }) => event === "end"));
    expect(JSON.parse(end!.data)).toEqual({ code: 1002, reason: "frames are missing" });
    await posted.events.end();
    expect((await posted.post([frame("heartbeat", {})], 4)).status).toBe(404);
  });

  it("[WP-8] [AU-10] bounds a request and each frame in it", async () => {
    const posted = await Posted.connected(fresh());
    const refused = async (body: string) => {
      const response = await http(`/v1/partitions/${posted.room}/connection/${posted.id}`, { method: "POST", body });
      return [response.status, ((await response.json()) as Message).code];
    };
    expect(await refused("{")).toEqual([400, "bad_request"]);
    expect(await refused("[]")).toEqual([400, "bad_request"]);
    expect(await refused('{"before":1,"frames":[{}]}')).toEqual([400, "bad_request"]);
    expect(await refused('{"before":1,"frames":[]}')).toEqual([400, "bad_request"]);
    const many = JSON.stringify({
      before: 1,
      frames: Array.from({ length: bounds.postedFramesMax + 1 }, () => "x"),
    });
    expect(await refused(many)).toEqual([400, "bad_request"]);
    const large = JSON.stringify({ before: 1, frames: ["x".repeat(bounds.postedBytesMax)] });
    expect(await refused(large)).toEqual([413, "payload_too_large"]);
    await posted.post(["x".repeat(bounds.frameBytesMax + 1)], 1);
    const end = await posted.events.first((received) => received.find(({ event }) => event === "end"));
    expect(JSON.parse(end!.data)).toMatchObject({ code: 1009 });
    expect(JSON.parse(posted.frames.at(-1)!)).toMatchObject({ type: "error", payload: { code: "payload_too_large" } });
  });

  it("[LC-7] that is not read is closed before much is buffered for it", async () => {
    const room = fresh();
    const response = await http(`/v1/partitions/${room}/connection`, { method: "POST" });
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    const id = /"connectionId":"([^"]+)"/.exec(new TextDecoder().decode(value as Uint8Array))![1]!;
    const post = async (before: number, text: string) => {
      const answer = await http(`/v1/partitions/${room}/connection/${id}`, {
        method: "POST",
        body: JSON.stringify({ before, frames: [text] }),
      });
      await answer.text();
      return answer.status;
    };
    expect(await post(0, frame("connect", { clientId: "a", version: "1" }))).toBe(202);
    // Twice the bound of buffered bytes.
    await submit(room, (2 * bounds.streamUnreadMax) / 60_000, 60_000);
    expect(await post(1, frame("heartbeat", {}))).toBe(404);
    await reader.cancel();
  });
});

describe("streams", () => {
  it("[MD-11] are bounded in number, and one that ends frees a place", async () => {
    const room = fresh();
    const all = await Promise.all(Array.from({ length: bounds.streamsMax }, () => read(room)));
    for (const path of ["events/stream", "connection"]) {
      const method = path === "connection" ? "POST" : "GET";
      const response = await http(`/v1/partitions/${room}/${path}`, { method });
      expect([response.status, response.headers.get("retry-after")]).toEqual([429, "30"]);
      expect(((await response.json()) as Message).code).toBe("too_many_connections");
    }
    await all[0]!.cancel();
    await submit(room, 2);
    await (await read(room)).first((received) => received[0]);
  });

  it("[LC-7] detects a lost peer by a comment, and ends after its maximum time", async () => {
    const room = fresh();
    const pass = (ms: number) => runInDurableObject(stubOf(room), () => vi.advanceTimersByTimeAsync(ms));
    await runInDurableObject(stubOf(room), () => {
      vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
    });
    try {
      const [stays, goes] = [await read(room), await Posted.connected(room)];
      await stays.first((received) => received[0]);
      await goes.events.cancel();
      await pass(31_000);
      expect((await goes.post([frame("heartbeat", {})])).status).toBe(404);
      expect(stays.ended).toBe(false);
      await pass(15 * 60_000);
      await stays.end();
    } finally {
      vi.useRealTimers();
    }
  });
});
