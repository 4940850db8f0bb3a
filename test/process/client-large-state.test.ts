import { afterAll, beforeAll, expect, test } from "vitest";
import { platformPorts } from "../../src/client/transport/platform.ts";
import { insiemeClient, until } from "../support/client-load.ts";
import { readState } from "../support/log.ts";
import { TestServer } from "../support/server.ts";

const partition = "large";
const server = new TestServer();

beforeAll(() => server.start());
afterAll(() => server.stop());

const post = async (key: string, body: object) => {
  const response = await fetch(new URL(`v1/partitions/${partition}/events`, server.url), {
    method: "POST",
    headers: { "idempotency-key": key },
    body: JSON.stringify(body),
  });
  expect(response.status).toBeLessThan(300);
};
const set = (target: string, value: unknown) => ({ type: "set", payload: { target, value } });

/** Compares until the server hashes the state that the client has: of a large state it makes a hash only now and then. */
async function verified(client: ReturnType<typeof insiemeClient>): Promise<boolean> {
  for (;;) {
    const same = await client.verify();
    if (same !== undefined) return same;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** A client, and the requests that it has sent for chunks. */
function connecting(clientId: string) {
  const chunks: number[] = [];
  const client = insiemeClient({
    url: server.url.href,
    partition,
    clientId,
    random: Math.random,
    ports: {
      open: (url, events, protocols) => {
        const socket = platformPorts.open(url, events, protocols);
        const send = (text: string) => {
          const { type, payload } = JSON.parse(text) as { type: string; payload: { chunk: number } };
          if (type === "state_chunk") chunks.push(payload.chunk);
          socket.send(text);
        };
        return { send, close: () => socket.close() };
      },
    },
  });
  return { client, chunks };
}

test("[BD-3] [WP-3] [CL-7] a large state arrives in chunks, or as all events while no snapshot is stored, and equals the server's", async () => {
  const text = "é😀x".repeat(8_000);
  for (let at = 0; at < 30; at++) await post(`large-${at}`, set(`large${at}`, `${at}${text}`));
  const early = connecting("early");
  await until(early.client, () => early.client.status.status === "online");
  expect(await verified(early.client)).toBe(true);
  for (let at = 0; at < 5; at++) {
    const events = Array.from({ length: 250 }, (_, of) => ({
      draftId: `small-${at}-${of}`,
      event: set("n", at * 250 + of),
    }));
    await post(`batch-${at}`, { mode: "sequential", events });
  }
  // The snapshot is written after the commit that makes it due.
  for (let attempt = 0; ; attempt++) {
    const { client, chunks } = connecting(`late-${attempt}`);
    await until(client, () => client.status.status === "online");
    const { state, eventIndex } = await readState(server.url, partition);
    expect(client.eventId).toBe(eventIndex);
    expect(client.state).toEqual(state);
    expect(await verified(client)).toBe(true);
    expect(await client.submit("set", { target: `own${attempt}`, value: 1 })).toMatchObject({ status: "accepted" });
    await client.close();
    if (chunks.length > 1) break;
    expect(attempt).toBeLessThan(20);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  await until(early.client, () => early.client.eventId > 1_280);
  expect(await verified(early.client)).toBe(true);
  await early.client.close();
});
