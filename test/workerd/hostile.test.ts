import { describe, expect, it } from "vitest";
import { fresh, type Message, Wire } from "./wire.ts";

// Each case uses a real socket. After each, the next valid event commits with the next id.

const message = (type: string, payload: unknown, more: object = {}) =>
  JSON.stringify({ id: "q-1", type, timestamp: 1, payload, ...more });
const draft = (event: unknown, draftId: unknown = "d") => message("submit_event", { draftId, event });
const set = (value: unknown, target = "n") => ({ type: "set", payload: { target, value } });
/** A draft whose payload's value is `json`, as written. */
const rawDraft = (json: string, draftId = "d") =>
  `{"id":"q-1","type":"submit_event","timestamp":1,"payload":{"draftId":${JSON.stringify(draftId)},"event":{"type":"set","payload":{"target":"n","value":${json}}}}}`;
const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

interface Expected {
  type: "error" | "event_rejected";
  code: string;
  /** The fields of all violations. */
  fields?: string[];
  /** The code of the first violation. */
  violation?: string;
  draftId?: string;
}

const refusals: [string, string | ArrayBuffer, Expected][] = [
  ["not JSON", "{nope", { type: "error", code: "bad_request", violation: "invalid_json" }],
  ["an empty frame", "", { type: "error", code: "bad_request" }],
  ["an array", "[]", { type: "error", code: "bad_request" }],
  ["a string", '"connect"', { type: "error", code: "bad_request" }],
  ["a number", "7", { type: "error", code: "bad_request" }],
  ["null", "null", { type: "error", code: "bad_request" }],
  ["a binary frame", new Uint8Array([123, 125]).buffer, { type: "error", code: "bad_request" }],
  ["no fields at all", "{}", { type: "error", code: "bad_request" }],
  ["an unknown type", message("destroy", {}), { type: "error", code: "bad_request", fields: ["type"] }],
  ["a type of Object.prototype", message("toString", {}), { type: "error", code: "bad_request" }],
  [
    "wrong types everywhere, listed at once",
    JSON.stringify({ id: 7, type: "submit_event", timestamp: "now", payload: { draftId: 3, event: { type: 4 } } }),
    { type: "error", code: "bad_request", fields: ["id", "payload.draftId", "payload.event.type", "timestamp"] },
  ],
  [
    "no payload",
    JSON.stringify({ id: "a", type: "sync", timestamp: 1 }),
    { type: "error", code: "bad_request", fields: ["payload"] },
  ],
  [
    "an event that is none",
    message("submit_event", { draftId: "d", event: [] }),
    { type: "error", code: "bad_request", draftId: "d" },
  ],
  [
    "a second connect",
    message("connect", { clientId: "b", version: "1" }),
    { type: "error", code: "already_connected" },
  ],
  ["another partition in sync", message("sync", { partition: "x" }), { type: "error", code: "partition_mismatch" }],
  [
    "another partition in an event",
    draft({ ...set(1), partition: "x" }),
    { type: "event_rejected", code: "partition_mismatch", draftId: "d" },
  ],
  [
    "10,000 levels",
    rawDraft(deep(10_000)),
    { type: "error", code: "bad_request", violation: "too_deep", draftId: "d" },
  ],
  ["33 levels", rawDraft(deep(29)), { type: "error", code: "bad_request", violation: "too_deep" }],
  [
    "__proto__",
    rawDraft('{"__proto__":{"admin":true}}'),
    { type: "error", code: "bad_request", violation: "forbidden_key" },
  ],
  [
    "__proto__, deep down",
    rawDraft('[{"a":{"__proto__":1}}]'),
    { type: "error", code: "bad_request", fields: ["payload.event.payload.value[0].a.__proto__"] },
  ],
  [
    "constructor",
    rawDraft('{"constructor":{"prototype":{}}}'),
    { type: "error", code: "bad_request", violation: "forbidden_key" },
  ],
  [
    "__proto__ in the envelope",
    `{"__proto__":{"id":"x"},${message("sync", {}).slice(1)}`,
    { type: "error", code: "bad_request" },
  ],
  [
    "__proto__ as a path segment",
    draft(set(1, "a.__proto__.polluted")),
    { type: "event_rejected", code: "validation_failed", fields: ["payload.target"] },
  ],
  [
    "constructor as a path segment",
    draft(set(1, "constructor.prototype.x")),
    { type: "event_rejected", code: "validation_failed" },
  ],
  ["duplicate keys", rawDraft('{"a":1,"a":2}'), { type: "error", code: "bad_request", violation: "duplicate_key" }],
  [
    "two draft ids",
    '{"id":"q","type":"submit_event","timestamp":1,"payload":{"draftId":"d","draftId":"e","event":{"type":"set","payload":{}}}}',
    { type: "error", code: "bad_request", violation: "duplicate_key" },
  ],
  ["a lone surrogate", rawDraft('"\\ud800"'), { type: "error", code: "bad_request", violation: "lone_surrogate" }],
  ["1e400", rawDraft("1e400"), { type: "error", code: "bad_request", violation: "number_out_of_range" }],
  ["2^60", rawDraft("1152921504606846976"), { type: "error", code: "bad_request", violation: "number_out_of_range" }],
  ["an empty id", message("sync", {}, { id: "" }), { type: "error", code: "bad_request", fields: ["id"] }],
  ["an empty draft id", draft(set(1), ""), { type: "error", code: "bad_request", fields: ["payload.draftId"] }],
  ["NUL in a draft id", draft(set(1), "a\0b"), { type: "error", code: "bad_request", fields: ["payload.draftId"] }],
  [
    "a negative cursor",
    message("sync", { sinceEventId: -1 }),
    { type: "error", code: "bad_request", fields: ["payload.sinceEventId"] },
  ],
  ["a fractional cursor", message("sync", { sinceEventId: 0.5 }), { type: "error", code: "bad_request" }],
  ["a cursor in the future", message("sync", { sinceEventId: 10 ** 9 }), { type: "error", code: "cursor_ahead" }],
  [
    "an unknown event type",
    draft({ type: "fly", payload: {} }),
    { type: "event_rejected", code: "unknown_event_type", draftId: "d" },
  ],
  [
    "an event type of Object.prototype",
    draft({ type: "hasOwnProperty", payload: {} }),
    { type: "event_rejected", code: "unknown_event_type" },
  ],
  [
    "no payload in the event",
    draft({ type: "set" }),
    { type: "event_rejected", code: "validation_failed", fields: ["payload"] },
  ],
  [
    "unknown fields in the event",
    draft({ ...set(1), id: "evt-1", clientId: "root", timestamp: 1 }),
    { type: "event_rejected", code: "validation_failed", fields: ["clientId", "id", "timestamp"] },
  ],
  [
    "the first draft's id with other content",
    draft(set("other"), "first"),
    { type: "event_rejected", code: "idempotency_key_reused", draftId: "first" },
  ],
];

async function prepared(): Promise<Wire> {
  const wire = await Wire.connected(fresh());
  expect((await wire.submit("first", "set", { target: "n", value: 0 })).payload.eventId).toBe(1);
  await wire.message(({ type }) => type === "broadcast");
  return wire;
}

async function goesOn(wire: Wire): Promise<void> {
  const next = await wire.submit("next", "set", { target: "n", value: 1 });
  expect(next).toMatchObject({ type: "event_accepted", payload: { eventId: 2 } });
  expect(({} as { polluted?: unknown; admin?: unknown }).polluted ?? ({} as { admin?: unknown }).admin).toBeUndefined();
}

describe("hostile frames", () => {
  it.each(refusals)("[AU-10] [WP-8] [ER-2] [ER-3] %s", async (_, frame, expected) => {
    const wire = await prepared();
    const answer = await wire.say(frame);
    expect(answer.type).toBe(expected.type);
    expect(answer.payload.code).toBe(expected.code);
    if (expected.type === "event_rejected") expect(answer.payload.reason).toBe(expected.code);
    if (expected.draftId) expect(answer.payload.draftId).toBe(expected.draftId);
    const errors = (answer.payload.errors ?? []) as { field: string; code: string; message: string }[];
    if (expected.fields) expect(errors.map(({ field }) => field).toSorted()).toEqual(expected.fields);
    if (expected.violation) expect(errors[0]?.code).toBe(expected.violation);
    for (const { message } of errors) expect(message.length).toBeGreaterThan(8);
    await goesOn(wire);
    wire.close();
  });

  it("[AU-10] reads -0 as 0, and keeps NUL and all of Unicode in strings", async () => {
    const wire = await prepared();
    const value = '{"zero":-0,"nul":"a\\u0000b","pair":"\\ud83d\\ude00","deep":{"m":[1e-7]}}';
    const answer = await wire.say(rawDraft(value));
    expect(answer.payload.event.payload.value).toEqual({ zero: 0, nul: "a\0b", pair: "😀", deep: { m: [1e-7] } });
    expect(wire.frames.at(-1)).toContain('"zero":0');
    const page = await wire.ask("sync", { sinceEventId: 1 });
    expect(page.payload.events[0].event.payload).toEqual(answer.payload.event.payload);
    wire.close();
  });

  it.each<[string, (connected: Wire) => string]>([
    ["sync", () => message("sync", {})],
    ["submit_event", () => draft(set(1))],
  ])("[WP-2] %s before connect", async (_, frame) => {
    const wire = await Wire.open(fresh());
    const answer = await wire.say(frame(wire));
    expect(answer).toMatchObject({ type: "error", payload: { code: "not_connected" }, inReplyTo: "q-1" });
    await wire.ask("connect", { clientId: "a", version: "1" });
    expect((await wire.submit("d", "set", { target: "n", value: 1 })).payload.eventId).toBe(1);
    wire.close();
  });

  it.each<[string, string]>([
    ["a frame over 64 KiB", rawDraft(JSON.stringify("x".repeat(64 * 1024)))],
    ["a frame over 64 KiB only in UTF-8", rawDraft(JSON.stringify("ü".repeat(40_000)))],
    ["an id of 1 MB", message("sync", {}, { id: "x".repeat(1_000_000) })],
  ])("[WP-8] [AU-10] %s: payload_too_large, then the connection ends; others go on", async (_, frame) => {
    const partition = fresh();
    const wire = await Wire.connected(partition);
    const other = await Wire.connected(partition, "b");
    const answer: Message = await wire.say(frame);
    expect(answer).toMatchObject({ type: "error", payload: { code: "payload_too_large", status: 413 } });
    expect(await wire.closing()).toMatchObject({ code: 1009 });
    expect((await other.submit("d", "set", { target: "n", value: 1 })).payload.eventId).toBe(1);
    other.close();
  });

  it("[WP-8] a frame of exactly 64 KiB is accepted", async () => {
    const wire = await prepared();
    const frame = rawDraft('""');
    const answer = await wire.say(rawDraft(JSON.stringify("x".repeat(64 * 1024 - frame.length))));
    expect(answer).toMatchObject({ type: "event_accepted", payload: { eventId: 2 } });
    wire.close();
  });

  it("[ER-9] [TX-3] a reducer that throws", async () => {
    const wire = await Wire.connected(fresh("counter"));
    await wire.submit("one", "add", { by: 1 }, { version: 2 });
    for (const where of ["reduce", "validate", "schema"]) {
      expect(await wire.submit(where, "explode", { in: where })).toMatchObject({
        type: "error",
        payload: { code: "draft_failed", draftId: where, retryable: false },
      });
    }
    expect((await wire.submit("two", "add", { by: 1 }, { version: 2 })).payload.eventId).toBe(2);
    wire.close();
  });

  it("[ID-9] the same draft id from another principal", async () => {
    const partition = fresh();
    const [a, b] = [await Wire.connected(partition, "a"), await Wire.connected(partition, "b")];
    expect((await a.submit("same", "set", { target: "n", value: 1 })).payload.eventId).toBe(1);
    expect((await b.submit("same", "set", { target: "n", value: 2 })).payload.eventId).toBe(2);
    a.close();
    b.close();
  });
});
