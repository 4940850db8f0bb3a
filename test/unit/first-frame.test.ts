import { expect, it } from "vitest";
import { bounds } from "../../src/protocol/index.ts";
import { TestShell } from "../support/shell.ts";

const duplicate = `{"a":1,"a":1,"wide":"${"x".repeat(bounds.firstFrameBytesMax)}"}`;
const connect = JSON.stringify({
  id: "m",
  type: "connect",
  timestamp: 0,
  payload: { clientId: "c", version: "1", note: "x".repeat(9_000) },
});

it.each([
  [
    [duplicate, connect],
    ["not_connected", "connected"],
  ],
  [
    [connect, duplicate],
    ["connected", "bad_request"],
  ],
  [[" ".repeat(bounds.frameBytesMax + 1)], ["payload_too_large"]],
])("[BD-1] a first frame is refused unread where it is larger than any connect: %#", async (frames, expected) => {
  const nobody = await new TestShell().open();
  for (const frame of frames) nobody.raw(frame);
  expect(nobody.messages.map(({ type, payload }) => payload.code ?? type)).toEqual(expected);
});
