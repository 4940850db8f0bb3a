import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bounds } from "../../src/protocol/bounds.ts";
import { messagesOf } from "../../src/wire/partita/messages.ts";
import type { Message } from "../support/partition.ts";
import { type ShellConnection, TestShell } from "../support/shell.ts";

const draft = (draftId: string, value: unknown = 1) => ({
  id: draftId,
  type: "submit_event",
  timestamp: 0,
  payload: { draftId, event: { type: "set", payload: { target: "n", value } } },
});
const drafts = (count: number) => Array.from({ length: count }, (_, at) => draft(`d${at}`));
const ofDrafts = ({ messages }: ShellConnection) =>
  messages
    .filter(({ type }) => /^(event_|error)/.test(type))
    .map(({ type, payload }) => `${payload.draftId}: ${type === "error" ? payload.code : type}`);

async function connected(more: object = {}) {
  const room = new TestShell();
  const connection = await room.open();
  connection.send("connect", { clientId: "c", version: "1", echo: false, frames: "array", limits: true, ...more });
  return { room, connection };
}

describe("the texts of the messages in a frame", () => {
  it.each([
    ['[{"a":"],["},{"b":[1,{}]}]', ['{"a":"],["}', '{"b":[1,{}]}']],
    ['[{"\\\\":1},{}]', ['{"\\\\":1}', "{}"]],
    ['[{"\\",{":1},{}]', ['{"\\",{":1}', "{}"]],
    ["[{}]", ["{}"]],
    ["[ {} , {} ]", [" {} ", " {} "]],
  ])("[WP-8] of %s are found between its commas", (frame, texts) => {
    expect(messagesOf(frame)).toEqual(texts);
  });

  it("[WP-8] are found whatever is in their strings", () => {
    const words = fc.string({ unit: fc.constantFrom('"', "\\", ",", "{", "]", "a", "\n") });
    fc.assert(
      fc.property(fc.array(fc.dictionary(words, words), { minLength: 1, maxLength: 4 }), (messages) => {
        const texts = messages.map((message) => JSON.stringify(message));
        expect(messagesOf(`[${texts.join()}]`)).toEqual(texts);
      }),
    );
  });

  it.each([
    "{}",
    '{"a":[]}',
    " [{}]",
    "[{}",
    "[{}]]",
    "[{]",
    "[}{]",
    "[]",
    "[{},]",
    "[1]",
    "[{},[]]",
    '[{"a},{}]',
    new ArrayBuffer(2),
  ])("[WP-8] are none where %s is not an array of balanced texts", (frame) => {
    expect(messagesOf(frame)).toBe(undefined);
  });

  it("[WP-8] [BD-1] are none in a frame that has too many of them, or too many bytes", () => {
    const many = (count: number) => `[${Array.from({ length: count }, () => "{}").join()}]`;
    expect(messagesOf(many(bounds.frameMessagesMax))).toHaveLength(bounds.frameMessagesMax);
    expect(messagesOf(many(bounds.frameMessagesMax + 1))).toBe(undefined);
    const long = (bytes: number) => `[{"${"é".repeat((bytes - 6) / 2)}"}]`;
    expect(messagesOf(long(bounds.frameBytesMax))).toHaveLength(1);
    expect(messagesOf(long(bounds.frameBytesMax + 2))).toBe(undefined);
  });
});

describe("a frame with several drafts", () => {
  it("[WP-10] [WP-12] is one transaction and one answer, in order, and the number is announced", async () => {
    const { room, connection } = await connected();
    expect(connection.messages[0]!.payload.limits.frameMessagesMax).toBe(bounds.frameMessagesMax);
    // The first write of a partition makes its schema, too.
    connection.raw(JSON.stringify(draft("first")));
    let commits = 0;
    const { transaction } = room.driver;
    room.driver.transaction = (body) => {
      commits++;
      return transaction.call(room.driver, body) as ReturnType<typeof body>;
    };
    connection.raw(JSON.stringify(drafts(20)));
    expect([connection.frames.length, commits]).toEqual([3, 1]);
    expect(ofDrafts(connection).slice(1)).toEqual(Array.from({ length: 20 }, (_, at) => `d${at}: event_accepted`));
  });

  it("[WP-12] has an answer for each message, whatever the others are", async () => {
    const { connection } = await connected();
    const { type, timestamp, payload } = draft("d1");
    const broken = { type, timestamp, payload };
    const messages = [draft("d0"), broken, { ...draft("d2"), payload: { draftId: "d2", event: { type: "none" } } }];
    connection.raw(JSON.stringify([...messages, draft("d0", 2), draft("d3"), {}]));
    expect(ofDrafts(connection)).toEqual([
      "d0: event_accepted",
      "d1: bad_request",
      "d2: event_rejected",
      "d0: event_rejected",
      "d3: event_accepted",
      "undefined: bad_request",
    ]);
  });

  it("[WP-10] [WP-12] keeps its order under load, too, between frames with one", async () => {
    const { room, connection } = await connected();
    const expected: string[] = [];
    for (let at = 0; at < 30; at++) {
      const some = Array.from({ length: at % 3 === 0 ? 40 : 1 }, (_, nth) => draft(`d${at}-${nth}`));
      expected.push(...some.map(({ id }) => `${id}: event_accepted`));
      connection.raw(JSON.stringify(some.length === 1 ? some[0] : some));
    }
    room.elapse(100);
    expect(ofDrafts(connection)).toEqual(expected);
  });

  it("[WP-2] [WP-8] is refused whole before connected, or with too many messages", async () => {
    const room = new TestShell();
    const connection = await room.open();
    connection.raw(JSON.stringify(drafts(2)));
    connection.send("connect", { clientId: "c", version: "1" });
    connection.raw(JSON.stringify(drafts(bounds.frameMessagesMax + 1)));
    const codes = connection.messages.map(({ type, payload }: Message) => payload.code ?? type);
    expect(codes).toEqual(["bad_request", "connected", "bad_request"]);
  });
});
