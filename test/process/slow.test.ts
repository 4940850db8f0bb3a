import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { TestServer } from "../support/server.ts";

// Clients that send as slowly as possible, and normal clients beside them.

const slowMax = 200;
const event = '{"type":"set","payload":{"target":"n","value":1}}';
let server: TestServer;
const slow: Socket[] = [];
beforeAll(async () => {
  server = new TestServer();
  await server.start();
});
afterAll(async () => {
  for (const socket of slow) socket.destroy();
  await server.stop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const host = "Host: 127.0.0.1\r\n";
const upgrade = `${host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}\r\n`;
const post = `POST /v1/partitions/room/events HTTP/1.1\r\n${host}Idempotency-Key: slow\r\n`;

/** What each kind sends at once; the rest follows one byte at a time, and never ends. */
const kinds: [string, string, string][] = [
  ["a request line", "GET /v1/partitions/room/st", "ate"],
  ["headers of an upgrade", `GET /v1/partitions/room/ws HTTP/1.1\r\n${upgrade}X: `, "x"],
  ["headers that never end", `GET /v1/partitions/room/state HTTP/1.1\r\n${host}X: `, "x"],
  ["a body of a length", `${post}Content-Length: 50000\r\n\r\n`, event[0]!],
  ["a body in chunks", `${post}Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n`, "1\r\n \r\n"],
  ["a frame of a WebSocket", `GET /v1/partitions/room/ws HTTP/1.1\r\n${upgrade}\r\n`, "\u0001"],
  ["a body of frames", `POST /v1/partitions/room/connection/x HTTP/1.1\r\n${host}Content-Length: 900000\r\n\r\n`, "["],
];

async function open(said: string): Promise<Socket> {
  const socket = connect(Number(server.url.port), "127.0.0.1");
  socket.on("error", () => {});
  socket.resume();
  slow.push(socket);
  await once(socket, "connect");
  socket.write(said);
  return socket;
}

test("[AU-6] [AU-10] hundreds of requests that never end delay no other client, over HTTP and on sockets, and commit nothing", async () => {
  const at = (path: string) => new URL(`/v1/partitions/room/${path}`, server.url);
  const submit = async (key: string) => {
    const response = await fetch(at("events"), { method: "POST", headers: { "idempotency-key": key }, body: event });
    return response.status;
  };
  expect(await submit("first")).toBe(201);
  const opened: [Socket, string][] = [];
  for (let count = 0; count < slowMax; count++) {
    const [, said, rest] = kinds[count % kinds.length]!;
    opened.push([await open(said), rest]);
  }
  let trickled = 0;
  const trickle = setInterval(() => {
    for (const [socket, rest] of opened) {
      if (socket.writable) socket.write(rest[trickled % rest.length]!);
    }
    trickled++;
  }, 1_000);
  await pause(1_500);
  const address = at("ws");
  address.protocol = "ws:";
  for (let round = 0; round < 5; round++) {
    expect(await submit(`k${round}`)).toBe(201);
    expect((await fetch(at("state"))).status).toBe(200);
    expect((await fetch(new URL("/livez", server.url))).status).toBe(200);
    const socket = new WebSocket(address, { perMessageDeflate: false });
    await once(socket, "open");
    socket.send('{"id":"c","type":"connect","timestamp":1,"payload":{"clientId":"c","version":"1"}}');
    const [message] = (await once(socket, "message")) as [Buffer];
    expect(JSON.parse(String(message))).toMatchObject({ type: "connected" });
    socket.terminate();
    await pause(500);
  }
  clearInterval(trickle);
  expect(opened.filter(([socket]) => socket.writable).length).toBeGreaterThan(slowMax / 2);
  const page = (await (await fetch(at("events"))).json()) as { currentEventIndex: number };
  expect(page.currentEventIndex).toBe(6);
  // The slow clients are dropped, and the server continues.
  for (const [socket] of opened) socket.destroy();
  await pause(200);
  expect(await submit("last")).toBe(201);
});

test.each(kinds)("[AU-6] [AU-10] %s that ends in the middle has no effect", async (_, said) => {
  const room = `broken-${said.length}`;
  const socket = await open(said.replaceAll("/room/", `/${room}/`));
  await pause(50);
  socket.destroy();
  await pause(50);
  const response = await fetch(new URL(`/v1/partitions/${room}/events`, server.url));
  expect(await response.json()).toMatchObject({ currentEventIndex: 0 });
});
