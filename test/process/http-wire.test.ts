import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestServer } from "../support/server.ts";

// Raw bytes over a TCP socket, which no HTTP client would send.

const event = '{"type":"set","payload":{"target":"n","value":1}}';
let server: TestServer;
beforeAll(async () => {
  server = new TestServer();
  await server.start();
});
afterAll(() => server.stop());

const request = (room: string, headers: string) =>
  `POST /v1/partitions/${room}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nIdempotency-Key: k\r\n${headers}\r\n\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

/** Sends `pieces` and nothing more. Returns the received text when the server has answered or closed the connection. */
async function say(pieces: readonly string[], { end = false } = {}): Promise<string> {
  const socket = connect(Number(server.url.port), "127.0.0.1");
  let heard = "";
  socket.setEncoding("utf8");
  socket.on("data", (data: string) => (heard += data));
  socket.on("error", () => {});
  await once(socket, "connect");
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  if (end) socket.end();
  while (!socket.closed && !/^HTTP[^]*\r\n\r\n[^]*\}/.test(heard)) {
    await Promise.race([once(socket, "data"), once(socket, "close")]);
  }
  socket.destroy();
  return heard;
}

const headOf = async (room: string) => {
  const page = await (await fetch(new URL(`/v1/partitions/${room}/events`, server.url))).json();
  return (page as { currentEventIndex: number }).currentEventIndex;
};

test("[AU-10] a body in chunks is answered when it is over the bound, not when it ends", async () => {
  const piece = chunk("x".repeat(8_192));
  const heard = await say([request("chunks", "Transfer-Encoding: chunked"), ...Array.from({ length: 9 }, () => piece)]);
  expect(heard).toMatch(/^HTTP\/1\.1 413 /);
  expect(heard).toContain('"code":"payload_too_large"');
});

test("[AU-10] a body whose stated length is too large is answered before it is sent", async () => {
  expect(await say([request("announced", "Content-Length: 70000")])).toMatch(/^HTTP\/1\.1 413 /);
});

test("[AU-10] a body in chunks is read as one, wherever it is cut", async () => {
  const pieces = [...event].map(chunk);
  const heard = await say([request("cut", "Transfer-Encoding: chunked"), ...pieces, "0\r\n\r\n"]);
  expect(heard).toMatch(/^HTTP\/1\.1 201 /);
});

test("[AU-10] a body that is shorter than its stated length commits nothing", async () => {
  await say([request("short", `Content-Length: ${event.length + 10}`), event], { end: true });
  expect(await headOf("short")).toBe(0);
});

test("[AU-10] a body that is longer than its stated length is cut to that length", async () => {
  const heard = await say([request("long", `Content-Length: ${event.length - 1}`), event]);
  expect(heard).toMatch(/^HTTP\/1\.1 400 /);
  expect(await headOf("long")).toBe(0);
});

test.each([
  ["two lengths", `Content-Length: ${event.length}\r\nContent-Length: 5`],
  ["a length and chunks", `Content-Length: 5\r\nTransfer-Encoding: chunked`],
  ["a length that is none", "Content-Length: -1"],
])("[AU-10] a request with %s commits nothing", async (name, headers) => {
  const room = `odd-${name.replaceAll(" ", "-")}`;
  await say([request(room, headers), headers.includes("chunked") ? `${chunk("{")}0\r\n\r\n` : event], { end: true });
  expect(await headOf(room)).toBe(0);
});
