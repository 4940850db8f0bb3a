import { describe, expect, it } from "vitest";
import { pollingBy } from "../../../src/client/transport/polling.ts";
import { streamOrPoll } from "../../../src/client/transport/stream-or-poll.ts";
import type { OpenByHttp } from "../../../src/client/transport/http-socket.ts";
import { FakeSocket, settle } from "./harness.ts";

const urlOf = (partition: string) => `wss://server/v1/partitions/${partition}/ws`;
const heartbeat = '{"type":"heartbeat"}';
const problem = (code: string, more: object = {}) => ({
  type: code,
  title: code,
  status: 400,
  detail: code,
  instance: "/",
  code,
  traceId: "t",
  timestamp: 1,
  retryable: false,
  ...more,
});

/** A request of the client, with the test as its server. */
class Poll {
  readonly address: string;
  readonly body: { connections: any[]; holdMs: number };
  readonly signal: AbortSignal;
  readonly response: Promise<Response>;
  #resolve!: (response: Response) => void;
  #reject!: (error: unknown) => void;

  constructor(address: string, init: RequestInit) {
    this.address = address;
    this.body = JSON.parse(init.body as string);
    this.signal = init.signal!;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.signal.addEventListener("abort", () => this.#reject(this.signal.reason));
  }

  get partitions(): string[] {
    return this.body.connections.map(({ partition }) => partition as string);
  }

  async answer(...connections: object[]): Promise<void> {
    this.#resolve(Response.json({ connections }));
    await settle();
  }

  async refuse(status: number, body: object | string): Promise<void> {
    const type = typeof body === "string" ? "text/html" : "application/problem+json";
    const text = typeof body === "string" ? body : JSON.stringify(body);
    this.#resolve(new Response(text, { status, headers: { "content-type": type } }));
    await settle();
  }

  async fail(): Promise<void> {
    this.#reject(new Error("no network"));
    await settle();
  }
}

function world() {
  const polls: Poll[] = [];
  let now = 0;
  let timers: { at: number; run: () => void }[] = [];
  const after = (ms: number, run: () => void) => {
    const timer = { at: now + ms, run };
    timers.push(timer);
    return () => void (timers = timers.filter((other) => other !== timer));
  };
  const open = pollingBy({
    after,
    fetch(address, init) {
      const poll = new Poll(address, init);
      polls.push(poll);
      return poll.response;
    },
  });
  return {
    polls,
    open,
    after,
    now: () => now,
    get last() {
      return polls.at(-1)!;
    },
    /** The requests that wait for an answer with news. */
    get held() {
      return polls.filter(({ body, signal }) => body.holdMs > 0 && !signal.aborted);
    },
    async pass(ms: number) {
      now += ms;
      for (const timer of timers.filter(({ at }) => at <= now)) {
        timers = timers.filter((other) => other !== timer);
        timer.run();
      }
      await settle();
    },
    get timers() {
      return timers.length;
    },
    /** A connection and what it reports. */
    connect(partition: string, token?: string) {
      const seen: string[] = [];
      const socket = open(
        urlOf(partition),
        {
          opened: () => seen.push("opened"),
          received: (frame) => seen.push(String(frame)),
          refused: (frame) => seen.push(`refused ${JSON.parse(frame).payload.code}`),
          closed: (code) => seen.push(`closed ${code}`),
        },
        token === undefined ? [] : ["partita", `bearer.${token}`],
      );
      return { seen, socket };
    },
  };
}

describe("polling", () => {
  it("[CL-14] several connections of a page share the request that waits, and what they send in one turn is one request", async () => {
    const it = world();
    const a = it.connect("a", "token");
    const b = it.connect("b");
    await settle();
    expect(it.polls.map(({ address, partitions, body }) => [address, partitions, body.holdMs])).toEqual([
      ["https://server/v1/poll", ["a", "b"], 0],
    ]);
    expect(it.last.body.connections[0].token).toBe("token");
    await it.last.answer(
      { partition: "a", connectionId: "A", from: 0, frames: [] },
      { partition: "b", connectionId: "B", from: 0, frames: [] },
    );
    expect([a.seen[0], b.seen[0]]).toEqual(["opened", "opened"]);
    expect(it.held.map(({ partitions }) => partitions)).toEqual([["a", "b"]]);
    a.socket.send("a1");
    a.socket.send("a2");
    b.socket.send("b1");
    await settle();
    const [, , sent] = it.polls;
    expect(sent!.body.connections.map(({ connectionId, before, frames }) => [connectionId, before, frames])).toEqual([
      ["A", 0, ["a1", "a2"]],
      ["B", 0, ["b1"]],
    ]);
    await sent!.answer({ partition: "a", connectionId: "A", from: 0, frames: ["one"] }, { partition: "b" });
    // The request that waits is the same.
    await it.held[0]!.answer({ partition: "a" }, { partition: "b", connectionId: "B", from: 0, frames: ["two"] });
    expect(a.seen.filter((frame) => frame !== heartbeat)).toEqual(["opened", "one"]);
    expect(b.seen.filter((frame) => frame !== heartbeat)).toEqual(["opened", "two"]);
    const next = it.held.at(-1)!;
    expect(next.body.connections.map(({ before, received, frames }) => [before, received, frames])).toEqual([
      [2, 1, []],
      [1, 1, []],
    ]);
    a.socket.close();
    b.socket.close();
    await settle();
    expect(it.last.body.connections.map(({ end }) => end)).toEqual([true, true]);
    await it.last.answer({ partition: "a" }, { partition: "b" });
    expect(it.held.filter((poll) => poll !== sent && poll === next)).toEqual([]);
    expect(it.timers).toBe(0);
  });

  it("[CL-14] [WP-12] what was not answered is sent again as it was, and frames come once and in order", async () => {
    const it = world();
    const a = it.connect("a");
    await settle();
    await it.last.answer({ partition: "a", connectionId: "A", from: 0, frames: [] });
    const held = it.held[0]!;
    a.socket.send("a1");
    await settle();
    await it.last.fail();
    a.socket.send("a2");
    await it.pass(500);
    expect(it.last.body.connections[0]).toMatchObject({ before: 0, frames: ["a1", "a2"] });
    // The later answer has the earlier frames.
    await it.last.answer({ partition: "a", connectionId: "A", from: 1, frames: ["1", "2"] });
    expect(a.seen.filter((frame) => frame !== heartbeat)).toEqual(["opened"]);
    await held.answer({ partition: "a", connectionId: "A", from: 0, frames: ["0", "1"] });
    expect(a.seen.filter((frame) => frame !== heartbeat)).toEqual(["opened", "0", "1", "2"]);
    expect(it.held.at(-1)!.body.connections[0].received).toBe(3);
  });

  it("[CL-14] a heartbeat replaces the request that waits, which may be lost, and each answer is one", async () => {
    const it = world();
    const a = it.connect("a");
    await settle();
    await it.last.answer({ partition: "a", connectionId: "A", from: 0, frames: [] });
    const lost = it.held[0]!;
    const before = a.seen.length;
    a.socket.send(heartbeat);
    await settle();
    expect(lost.signal.aborted).toBe(true);
    expect(it.last.body).toMatchObject({ holdMs: 0, connections: [{ frames: [] }] });
    expect(a.seen).toHaveLength(before);
    await it.last.answer({ partition: "a" });
    expect(a.seen.slice(before)).toEqual([heartbeat]);
    expect(it.held).toHaveLength(1);
    // Without news, too: so an idle connection sends none.
    await it.held[0]!.answer({ partition: "a" });
    expect(a.seen.slice(before)).toEqual([heartbeat, heartbeat]);
  });

  it("[CL-14] waits for a shorter time where a proxy ends requests, and loses all connections where the server is gone", async () => {
    const it = world();
    const a = it.connect("a");
    const b = it.connect("b");
    await settle();
    await it.last.answer({ partition: "a", connectionId: "A" }, { partition: "b", connectionId: "B" });
    expect(it.held.at(-1)!.body.holdMs).toBe(18_000);
    await it.held.at(-1)!.refuse(504, "timeout");
    expect(it.last.body.holdMs).toBe(0);
    await it.last.answer({ partition: "a" }, { partition: "b" });
    expect(it.held.at(-1)!.body.holdMs).toBe(9_000);
    // One without any answer ends, too.
    await it.pass(9_000 + 20_000);
    expect(it.last.body.holdMs).toBe(0);
    await it.last.fail();
    await it.pass(500);
    await it.last.fail();
    expect([a.seen.at(-1), b.seen.at(-1)]).toEqual(["closed 1006", "closed 1006"]);
    await it.pass(60_000);
    expect(it.timers).toBe(0);
  });

  it("[CL-14] reports a refusal to its connection only, and goes on after a limit", async () => {
    const it = world();
    const a = it.connect("a");
    const b = it.connect("b");
    await settle();
    await it.last.answer({ partition: "a", problem: problem("forbidden") }, { partition: "b", connectionId: "B" });
    expect(a.seen).toEqual(["refused forbidden", "closed 1006"]);
    expect(it.held.at(-1)!.partitions).toEqual(["b"]);
    b.socket.send("b1");
    await settle();
    const seen = b.seen.length;
    await it.last.answer({ partition: "b", problem: problem("rate_limited", { retryable: true, retryAfter: 2 }) });
    expect(b.seen).toHaveLength(seen);
    const count = it.polls.length;
    await it.pass(1_999);
    expect(it.polls).toHaveLength(count);
    await it.pass(1);
    expect(it.last.body.connections[0]).toMatchObject({ before: 0, frames: ["b1"] });
    await it.last.answer({ partition: "b", problem: problem("not_found") });
    expect(b.seen.at(-1)).toBe("closed 1006");

    // A server without this address, or one that refuses the request as a whole.
    const c = it.connect("c");
    await settle();
    await it.last.refuse(404, problem("not_found"));
    expect(c.seen).toEqual(["closed 1006"]);
    const d = it.connect("d");
    await settle();
    await it.last.refuse(503, problem("draining", { retryable: true, retryAfter: 5 }));
    expect(d.seen).toEqual(["refused draining", "closed 1006"]);
  });

  it("[CL-14] leaves out a connection that the server asks to wait with, and the others do not wait for it", async () => {
    const it = world();
    const good = it.connect("good");
    it.connect("bad");
    await settle();
    await it.last.answer({ partition: "good", connectionId: "G" }, { partition: "bad", connectionId: "B" });
    const quarantined = { partition: "bad", problem: problem("quarantined", { retryable: true, retryAfter: 60 }) };
    for (let news = 1; news <= 3; news++) {
      const frame = { partition: "good", connectionId: "G", from: news - 1, frames: [`news ${news}`] };
      await it.last.answer(...(news === 1 ? [frame, quarantined] : [frame]));
      expect(good.seen).toContain(`news ${news}`);
      expect(it.held.at(-1)!.partitions).toEqual(["good"]);
    }
    good.socket.send("draft");
    await settle();
    expect(it.last.partitions).toEqual(["good"]);
    await it.last.answer({ partition: "good", connectionId: "G", from: 3, frames: ["verdict"] });
    expect(good.seen).toContain("verdict");
    // It is asked for again after the longest pause.
    await it.pass(5_000);
    expect(it.held.at(-1)!.partitions).toEqual(["good", "bad"]);
  });

  it("[CL-14] [AU-4] sends a renewed token with the request that renews it, and passes on the end of a connection", async () => {
    const it = world();
    const a = it.connect("a", "old");
    await settle();
    await it.last.answer({ partition: "a", connectionId: "A" });
    a.socket.send(JSON.stringify({ type: "renew", payload: { token: "new" } }));
    await settle();
    expect(it.last.body.connections[0].token).toBe("new");
    await it.last.answer({
      partition: "a",
      connectionId: "A",
      from: 0,
      frames: ["last"],
      end: { code: 4401, reason: "" },
    });
    expect(a.seen.slice(-2)).toEqual(["last", "closed 4401"]);
  });

  it("[CL-14] a 33rd connection has a request of its own, and what is too much for one request follows in the next", async () => {
    const it = world();
    for (let at = 0; at < 33; at++) it.connect(`p${at}`);
    await settle();
    expect(it.polls.map(({ partitions }) => partitions.length)).toEqual([32, 1]);
    const one = world();
    const a = one.connect("a");
    await settle();
    await one.last.answer({ partition: "a", connectionId: "A" });
    for (let at = 0; at < 5; at++) a.socket.send(String(at).repeat(40_000));
    await settle();
    expect(one.last.body.connections[0].frames).toHaveLength(2);
    await one.last.answer({ partition: "a" });
    expect(one.last.body.connections[0]).toMatchObject({ before: 2 });
  });
});

describe("a stream, or polling", () => {
  function ways() {
    const it = world();
    const streams: FakeSocket[] = [];
    const polled: FakeSocket[] = [];
    const stream: OpenByHttp = (...given) => {
      streams.push(new FakeSocket(...given));
      return streams.at(-1)!;
    };
    const poll: OpenByHttp = (...given) => {
      polled.push(new FakeSocket(...given));
      return polled.at(-1)!;
    };
    const open = streamOrPoll(stream, async () => poll, it);
    const attempt = (partition = "a") => {
      const seen: string[] = [];
      const socket = open(
        urlOf(partition),
        {
          opened: () => seen.push("opened"),
          received: (frame) => seen.push(String(frame)),
          refused: () => seen.push("refused"),
          closed: () => seen.push("closed"),
        },
        [],
      );
      return { seen, socket };
    };
    return { it, streams, polled, attempt };
  }

  it("[CL-14] polls in the same attempt if a stream brings nothing for three seconds, and for ten minutes from then on", async () => {
    const { it, streams, polled, attempt } = ways();
    const first = attempt();
    await it.pass(2_999);
    expect(polled).toHaveLength(0);
    await it.pass(1);
    expect([streams[0]!.closed, polled.length]).toEqual([true, 1]);
    polled[0]!.open();
    expect(first.seen).toEqual(["opened"]);
    first.socket.send('{"id":"x"}');
    await settle();
    expect(polled[0]!.sent).toEqual([{ id: "x" }]);
    first.socket.close();
    attempt();
    await settle();
    expect([streams.length, polled.length]).toEqual([1, 2]);
    polled[1]!.open();
    polled[1]!.end();
    await it.pass(10 * 60_000);
    attempt();
    await settle();
    expect([streams.length, polled.length]).toEqual([2, 2]);
  });

  it("[CL-14] polls after a stream that opened and then brought no answer, and not after one that worked", async () => {
    const { it, streams, polled, attempt } = ways();
    const good = attempt();
    streams[0]!.open();
    good.socket.send('{"id":"x"}');
    streams[0]!.frame("answer");
    await it.pass(60_000);
    good.socket.close();
    const held = attempt();
    streams[1]!.open();
    held.socket.send('{"id":"x"}');
    await it.pass(10_000);
    expect(polled).toHaveLength(0);
    held.socket.close();
    attempt();
    await settle();
    expect([streams.length, polled.length]).toEqual([2, 1]);
    // Where it cannot be polled, a stream is tried again.
    polled[0]!.end();
    attempt();
    expect(streams).toHaveLength(3);
  });

  it("[CL-14] the second connection of a page is polled as long as the first one has a stream", async () => {
    const { streams, polled, attempt } = ways();
    const first = attempt("a");
    streams[0]!.open();
    attempt("b");
    attempt("c");
    await settle();
    expect([streams.length, polled.length]).toEqual([1, 2]);
    first.socket.close();
    attempt("d");
    await settle();
    expect([streams.length, polled.length]).toEqual([2, 2]);
    streams[1]!.end();
    attempt("e");
    expect(streams).toHaveLength(3);
  });
});
