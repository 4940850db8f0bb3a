import { describe, expect, it } from "vitest";
import { memoryStore } from "../../../src/client/stores/memory.ts";
import { bounds, type JsonObject } from "../../../src/protocol/index.ts";
import { decode } from "../../../src/wire/partita/decode.ts";
import { FakeWorld, settle } from "./harness.ts";

/** The server's answer to what a client has sent: whether it can read it. */
const isTaken = (message: object): boolean => {
  const decoded = decode(JSON.stringify({ timestamp: 1_700_000_000_000, ...message }));
  return !("kind" in decoded) || decoded.kind !== "unreadable";
};
const utf8 = (value: object) => Buffer.byteLength(JSON.stringify(value));

/** The largest `size` up to `most` for which `fits` holds; it holds for all smaller ones. */
async function largest(most: number, fits: (size: number) => Promise<boolean>): Promise<number> {
  let [low, high] = [0, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (await fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

describe("what a client takes fits the wire", () => {
  it("[CL-13] judges what `toJSON` gives, and rejects what is nested too deeply for any code", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = { a: deep };
    const cases: [unknown, string][] = [
      [{ toJSON: () => Number.NaN }, "not_json"],
      [{ toJSON: () => ({ of: new Map([[1, 2]]) }) }, "not_json"],
      [{ toJSON: () => undefined }, "not_json"],
      [{ toJSON: "no function", n: Number.NaN }, "not_json"],
      [deep, "too_deep"],
    ];
    for (const [value, code] of cases) {
      const verdict = await client.submit("set", { target: "n", value });
      expect(verdict).toMatchObject({ status: "rejected", local: true, problem: { errors: [{ code }] } });
    }
    class Own {
      readonly n = 1;
      toJSON(): this {
        return this;
      }
    }
    void client.submit("set", { target: "own", value: { own: new Own(), at: new Date(0), n: { toJSON: () => 1 } } });
    expect(client.state).toEqual({ own: { own: { n: 1 }, at: "1970-01-01T00:00:00.000Z", n: 1 } });
  });

  it("[CL-13] rejects what JSON cannot carry, with its path, and sends nothing", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    const bad: [unknown, string, string][] = [
      [Number.NaN, "", "NaN"],
      [Infinity, "", "Infinity"],
      [[1, undefined], "[1]", "undefined"],
      // oxlint-disable-next-line no-sparse-arrays -- a hole becomes null
      [[1, , 3], "[1]", "undefined"],
      [{ a: { b: 1n } }, ".a.b", "bigint"],
      [{ run: () => 1 }, ".run", "function"],
      [{ s: Symbol("s") }, ".s", "symbol"],
      [{ m: new Map([[1, 2]]) }, ".m", "Map"],
      [{ s: new Set([1]) }, ".s", "Set"],
      [{ t: new Uint8Array(2) }, ".t", "Uint8Array"],
      [{ d: new Date(Number.NaN) }, ".d", "Date"],
      [{ r: /a/ }, ".r", "RegExp"],
      [circular, ".self", "itself"],
    ];
    for (const [value, path, word] of bad) {
      const verdict = await client.submit("set", { target: "n", value });
      expect(verdict).toMatchObject({ status: "rejected", local: true, problem: { code: "bad_request" } });
      const [error] = (verdict as { problem: { errors: { field: string; code: string; message: string }[] } }).problem
        .errors;
      expect([error!.field, error!.code]).toEqual([`payload.value${path}`, "not_json"]);
      expect(error!.message).toContain(word);
    }
    const second = { type: "set", payload: { target: "b", value: [Number.NaN] } };
    const batch = await client.submitBatch("atomic", [{ type: "set", payload: { target: "a", value: 1 } }, second]);
    expect(batch).toMatchObject({ problem: { errors: [{ field: "events[1].payload.value[0]" }] } });
    expect([client.state, client.pending, world.socket.sent.length]).toEqual([{}, [], 1]);
  });

  it("[CL-13] takes what JSON carries by itself", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const value = {
      d: new Date(0),
      gone: undefined,
      own: { toJSON: () => "text" },
      bare: Object.create(null),
      zero: -0,
    };
    void client.submit("set", { target: "n", value });
    const expected = { d: "1970-01-01T00:00:00.000Z", own: "text", bare: {}, zero: 0 };
    expect(client.state).toEqual({ n: expected });
    expect(world.socket.of("submit_event")[0]!.payload.event.payload.value).toEqual(expected);
  });

  it.each(["single", "atomic"] as const)(
    "[CL-13] [WP-8] takes as many bytes as the server does, and no more: %s",
    async (mode) => {
      const drafts = mode === "single" ? 1 : bounds.batchEventsMax;
      const attempt = async (size: number) => {
        const world = new FakeWorld();
        const client = await world.online();
        // Two bytes each; what is left of `size` goes to the first one.
        const texts = Array.from({ length: drafts }, () => "é".repeat(Math.floor(size / drafts / 2)));
        texts[0] += "x".repeat(size % (drafts * 2));
        const all = texts.map((value) => ({ type: "set", payload: { target: "n", value } }));
        const verdict = mode === "single" ? client.submit("set", all[0]!.payload) : client.submitBatch("atomic", all);
        const outcome = await Promise.race([verdict, settle()]);
        const [sent] = world.socket.of(mode === "single" ? "submit_event" : "submit_events");
        return { outcome, sent };
      };
      const size = await largest(bounds.frameBytesMax, async (one) => (await attempt(one)).outcome === undefined);
      const { sent } = await attempt(size);
      // Whatever the number of the message and the time will be.
      expect(isTaken({ ...sent, id: `c${Number.MAX_SAFE_INTEGER}`, timestamp: Number.MAX_SAFE_INTEGER })).toBe(true);
      expect(utf8(sent!)).toBeGreaterThan(bounds.frameBytesMax - 64);
      expect(utf8(sent!)).toBeLessThanOrEqual(bounds.frameBytesMax);
      expect((await attempt(size + 1)).outcome).toMatchObject({ local: true, problem: { code: "payload_too_large" } });
    },
  );

  it.each(["single", "atomic"] as const)("[CL-13] takes as many levels as the server does: %s", async (mode) => {
    for (let levels = 1; levels <= bounds.jsonDepthMax + 2; levels++) {
      const world = new FakeWorld();
      const client = await world.online();
      let value: unknown = 1;
      for (let level = 1; level < levels; level++) value = { a: value };
      const draft = { type: "set", payload: { target: "n", value } };
      const verdict = mode === "single" ? client.submit("set", draft.payload) : client.submitBatch("atomic", [draft]);
      const event = { draftId: "d", event: draft };
      const payload = mode === "single" ? event : { batchId: "b", mode, events: [event] };
      const fits = isTaken({ id: "c1", type: mode === "single" ? "submit_event" : "submit_events", payload });
      const outcome = await Promise.race([verdict, settle()]);
      expect([levels, outcome === undefined]).toEqual([levels, fits]);
      if (!fits) expect(outcome).toMatchObject({ local: true, problem: { code: "bad_request" } });
    }
  });

  it("[CL-13] keeps aside what an earlier version has queued and the server does not accept, and sends the rest", async () => {
    const store = memoryStore();
    const queue = await store("server/room/ada");
    const entry = (key: string, payload: JsonObject) => ({
      key,
      mode: "single" as const,
      drafts: [{ draftId: key, type: "set", payload }],
      queuedAt: 1_700_000_000_000,
    });
    let deep: JsonObject = {};
    for (let level = 0; level < 30; level++) deep = { a: deep };
    await queue.append(entry("large", { target: "a", value: "x".repeat(bounds.frameBytesMax) }));
    await queue.append(entry("deep", { target: "b", value: deep }));
    await queue.append(entry("good", { target: "c", value: 1 }));
    const world = new FakeWorld();
    const client = world.client({ store });
    const parked: string[] = [];
    client.on("parked", ({ entry: { key }, problem }) => parked.push(`${key} ${problem.code}`));
    await settle();
    world.socket.accept();
    await settle();
    expect(parked).toEqual(["large payload_too_large", "deep bad_request"]);
    expect(client.parked.map(({ key }) => key)).toEqual(["large", "deep"]);
    expect(world.socket.of("submit_event").map(({ payload }) => payload.draftId)).toEqual(["good"]);
    expect((await queue.load()).entries.map(({ key, parked: aside }) => [key, aside?.code])).toEqual([
      ["large", "payload_too_large"],
      ["deep", "bad_request"],
      ["good", undefined],
    ]);
  });

  it("[CL-13] [CL-8] refuses a presence that the server would not take", async () => {
    const world = new FakeWorld();
    const client = await world.online({
      engine: { url: "ws://server/v1/partitions/room/ws", token: undefined, presence: true },
    });
    const text = (length: number) => ({ text: "é".repeat(length) });
    const most = (bounds.presenceBytesMax - utf8(text(0))) / 2;
    client.setPresence(text(Math.floor(most)));
    expect(() => client.setPresence(text(Math.floor(most) + 1))).toThrow("A presence may have at most 2048 bytes");
    expect(() => client.setPresence({ at: { x: Number.NaN } })).toThrow("state.at.x: JSON cannot carry NaN.");
    expect(() => client.setPresence(JSON.parse('{"__proto__":1}'))).toThrow("state.__proto__");
    await world.pass(60);
    const last = world.socket.of("presence").at(-1)!;
    expect(last.payload.state).toEqual(text(Math.floor(most)));
    expect(isTaken(last)).toBe(true);
  });
});
