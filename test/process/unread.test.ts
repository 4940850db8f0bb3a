import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { bounds } from "../../src/protocol/bounds.ts";
import { TestServer } from "../support/server.ts";

// The memory of a real server, beside a client that reads nothing.

const mebibyte = 1024 * 1024;
/** The log, of 60,000 characters each: short enough to be read several times before its reader, which proves nothing, has to wait. */
const events = 30;
/** How long nothing is read. Without a bound the server holds some hundred MiB then. */
const deafMs = 8_000;
let server: TestServer;
beforeAll(async () => {
  server = new TestServer();
  await server.start();
});
afterAll(() => server.stop());

/** The resident memory of the server, in bytes. */
function memory(): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))!;
  return Number(kib) * 1024;
}

const frame = (type: string, payload: object) => JSON.stringify({ id: "m", type, timestamp: 1, payload });

async function connected(clientId: string): Promise<WebSocket> {
  const address = new URL("/v1/partitions/unread/ws", server.url);
  address.protocol = "ws:";
  const socket = new WebSocket(address, { perMessageDeflate: false });
  await once(socket, "open");
  socket.send(frame("connect", { clientId, version: "1" }));
  await once(socket, "message");
  return socket;
}

/** The next message of a type: broadcasts may come before it. */
async function answer(socket: WebSocket, type: string): Promise<{ type: string; payload: object }> {
  for (;;) {
    const [text] = (await once(socket, "message")) as [Buffer];
    const message = JSON.parse(String(text)) as { type: string; payload: object };
    if (message.type === type) return message;
  }
}

/** Reads the log once, page by page. */
async function readAll(socket: WebSocket): Promise<number> {
  let since = 0;
  for (let hasMore = true; hasMore;) {
    socket.send(frame("sync", { sinceEventId: since }));
    const { payload } = await answer(socket, "sync_response");
    ({ nextSinceEventId: since, hasMore } = payload as { nextSinceEventId: number; hasMore: boolean });
  }
  return since;
}

test.skipIf(process.platform !== "linux")(
  "[BD-4] [LC-7] a client that asks every few milliseconds and reads nothing makes the server hold no more than its bound",
  { timeout: 120_000 },
  async () => {
    const writer = await connected("writer");
    const value = "x".repeat(60_000);
    for (let at = 1; at <= events; at++) {
      writer.send(
        frame("submit_event", { draftId: `d${at}`, event: { type: "set", payload: { target: "n", value } } }),
      );
      await answer(writer, "event_accepted");
    }
    const reader = await connected("reader");
    for (let round = 0; round < 5; round++) expect(await readAll(reader)).toBe(events);
    const before = memory();
    const deaf = await connected("deaf");
    deaf.pause();
    let most = 0;
    const end = Date.now() + deafMs;
    for (let asked = 0; Date.now() < end && deaf.readyState === WebSocket.OPEN; asked++) {
      deaf.send(frame("sync", { sinceEventId: 0 }));
      await sleep(5);
      // Another reader is served meanwhile.
      if (asked % 200 === 0) expect(await readAll(reader)).toBe(events);
      most = Math.max(most, memory() - before);
    }
    console.log(`memory grew by ${(most / mebibyte).toFixed(0)} MiB beside a client that reads nothing`);
    // What may be unproven, and about as much that is not collected yet; without the bound it is a gigabyte.
    expect(most).toBeLessThan(2 * bounds.unprovenBytesPerConnectionMax);
    for (const socket of [writer, reader, deaf]) socket.terminate();
  },
);
