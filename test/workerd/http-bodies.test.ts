import { createExecutionContext, env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { fresh, http, type Message } from "./wire.ts";
import worker from "./worker.ts";

const text = JSON.stringify({ type: "set", payload: { target: "n", value: 1 } });
const bytes = (content: string) => new TextEncoder().encode(content);
const event = bytes(text);

/** Posts the pieces of a body, and returns how many of them were read. */
async function post(room: string, pieces: Iterable<Uint8Array>, headers: Record<string, string> = {}) {
  const source = pieces[Symbol.iterator]();
  let taken = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const { done, value } = source.next();
        if (done) return controller.close();
        taken++;
        controller.enqueue(value);
      },
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const request = new Request(`http://127.0.0.1/v1/partitions/${room}/events`, {
    method: "POST",
    headers: { "idempotency-key": "k", ...headers },
    body,
  });
  const response = await worker.fetch(request, env as never, createExecutionContext());
  return { status: response.status, received: (await response.json()) as Message, taken, cancelled };
}

const head = async (room: string) =>
  ((await (await http(`/v1/partitions/${room}/events`)).json()) as Message).currentEventIndex;

function* endless(): Generator<Uint8Array> {
  yield bytes('{"type":"set","payload":{"target":"n","value":"');
  for (;;) yield bytes("x".repeat(1_024));
}

describe("bodies", () => {
  it("[AU-10] a body that does not end is read up to the bound, and no further", async () => {
    const room = fresh();
    for (const headers of [{}, { "content-length": "100" }]) {
      const { status, received, taken, cancelled } = await post(room, endless(), headers);
      expect([status, received.code, cancelled]).toEqual([413, "payload_too_large", true]);
      expect(taken).toBeLessThanOrEqual(67);
    }
    expect(await head(room)).toBe(0);
  });

  it("[AU-10] a body whose stated length is too large is not read at all", async () => {
    const { status, taken } = await post(fresh(), [event], { "content-length": "65537" });
    expect([status, taken]).toEqual([413, 0]);
  });

  it("[AU-10] the received bytes count, not the stated length, and exactly 64 KiB are accepted", async () => {
    const room = fresh();
    const full = bytes(text.replace("1}", `"${"x".repeat(65_536 - text.length - 1)}"}`));
    expect(full.byteLength).toBe(65_536);
    expect((await post(room, [full], { "content-length": "1" })).status).toBe(201);
    const over = bytes(text.replace("1}", `"${"x".repeat(65_536 - text.length)}"}`));
    expect((await post(room, [over], { "idempotency-key": "k2" })).status).toBe(413);
    // In bytes, not in characters.
    const wide = bytes(text.replace("1}", `"${"ü".repeat(40_000)}"}`));
    expect((await post(room, [wide], { "idempotency-key": "k3" })).status).toBe(413);
  });

  it("[AU-10] a body in pieces is read as one, wherever it is cut", async () => {
    const room = fresh();
    const wide = bytes(text.replace("1}", '"ü😀"}'));
    const pieces = Array.from(wide, (byte) => new Uint8Array([byte]));
    const { status, received } = await post(room, pieces);
    expect([status, received.event.payload.value]).toEqual([201, "ü😀"]);
  });

  it.each<[string, number[]]>([
    ["a byte that begins nothing", [0x22, 0xff, 0x22]],
    ["half a character", [0x22, 0xc3, 0x22]],
    ["half a character at the end", [...event, 0xc3]],
    ["an overlong slash", [0x22, 0xc0, 0xaf, 0x22]],
    ["a surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ["UTF-16", [0xff, 0xfe, ...Array.from(event).flatMap((byte) => [byte, 0])]],
    ["a compressed one", [0x1f, 0x8b, 0x08, 0x00]],
  ])("[AU-10] bytes that are not UTF-8 are refused: %s", async (_, content) => {
    const room = fresh();
    const { status, received } = await post(room, [new Uint8Array(content)]);
    expect([status, received.code, received.errors[0].code]).toEqual([400, "bad_request", "invalid_encoding"]);
    expect(await head(room)).toBe(0);
  });

  it("[AU-10] a body that ends early is refused, and has no effect", async () => {
    const room = fresh();
    function* broken(): Generator<Uint8Array> {
      yield event;
      throw new Error("lost");
    }
    const { status, received } = await post(room, broken());
    expect([status, received.code]).toEqual([400, "bad_request"]);
    expect(await head(room)).toBe(0);
  });

  it("[WP-8] an empty body is not JSON", async () => {
    const { received } = await post(fresh(), []);
    expect(received).toMatchObject({ status: 400, errors: [{ code: "invalid_json" }] });
  });

  it.each([
    "text/plain",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "application/json; charset=latin1",
    "?",
  ])("[WP-8] is JSON in UTF-8, whatever the content type %j says", async (type) => {
    expect((await post(fresh(), [event], { "content-type": type })).status).toBe(201);
  });
});

describe("partition names", () => {
  it.each([
    "a%2Fb",
    "a%252Fb",
    "%2e%2e%2froom",
    "a%00b",
    "a%0d%0ax-forged:%201",
    "%00",
    "%ff",
    "%zz",
    "%E0%A4%A",
    "a%20b",
    "a+b",
    "a;b",
    "a@b",
    "а-cyrillic",
    "ｒｏｏｍ",
    "room%E2%80%8B",
    "room%E2%80%AE",
    "%F0%9F%98%80",
    "-readyz",
    "_room",
    "~room",
    "x".repeat(129),
    "x".repeat(8_000),
    "__proto__",
  ])("[AU-10] [ER-1] %s is none", async (name) => {
    for (const [path, init] of [
      ["state", {}],
      ["events", {}],
      ["ws", { headers: { upgrade: "websocket" } }],
      ["events", { method: "POST", headers: { "idempotency-key": "k" }, body: text }],
    ] as const) {
      const response = await http(`/v1/partitions/${name}/${path}`, init);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
      expect(await response.json()).toMatchObject({ status: 400, code: "bad_request" });
    }
  });

  it.each(["..", "%2e%2e", ".", "a/b", "a//b", "", "a\\b", "../../v1/partitions/room"])(
    "[AU-10] [ER-1] %j leads nowhere else",
    async (name) => {
      const response = await http(`/v1/partitions/${name}/state`);
      const { code } = (await response.json()) as Message;
      // Only the path that results from URL normalisation may be valid.
      const { pathname } = new URL(`/v1/partitions/${name}/state`, "http://127.0.0.1");
      expect([response.status, code]).toEqual(
        pathname === "/v1/partitions/room/state" ? [200, undefined] : [404, "not_found"],
      );
    },
  );
});
