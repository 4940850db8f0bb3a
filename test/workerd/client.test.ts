import { SELF } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Client } from "../../src/client/api/client.ts";
import { openByHttp } from "../../src/client/transport/http-socket.ts";
import type { Ports } from "../../src/client/transport/ports.ts";
import { memoryStore } from "../../src/client/stores/memory.ts";
import { defaultTiming } from "../../src/client/transport/timing.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { workerPorts } from "./client-ports.ts";

const ports = workerPorts((url) => SELF.fetch(url, { headers: { upgrade: "websocket" } }));

afterEach(() => {
  vi.unstubAllGlobals();
});

const open = (partition: string, clientId: string, through: Ports = ports) =>
  new Client({
    model: insieme,
    partition,
    clientId,
    identity: undefined,
    host: "server",
    store: memoryStore(),
    ports: through,
    timing: defaultTiming,
    engine: { url: `ws://127.0.0.1/v1/partitions/${partition}/ws`, token: undefined, presence: true },
  });

const byHttp: Ports["open"] = (url, events, protocols) =>
  openByHttp(url, { ...events, refused: (frame) => events.received(frame) }, protocols);

/** Waits until the read value matches. */
async function until(client: Pick<Client<any, any>, "subscribe">, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    await new Promise<void>((resolve) => {
      const stop = client.subscribe(() => {
        stop();
        resolve();
      });
    });
  }
}

describe("the client in a Worker", () => {
  it("[CL-5] [CL-6] [CL-7] [CL-8] two clients of one partition agree with each other and with the server", async () => {
    const partition = "client-in-worker";
    const [ada, bob] = [open(partition, "ada"), open(partition, "bob")];
    expect((await ada.submit("set", { target: "docs", value: {} })).status).toBe("accepted");
    const both = await Promise.all([
      ada.submit("treePush", { target: "docs", value: { id: "a", name: "Ada's" } }),
      bob.submitBatch("atomic", [
        { type: "set", payload: { target: "title", value: "Bob's" } },
        { type: "set", payload: { target: "n", value: 1 } },
      ]),
    ]);
    expect(both.map(({ status }) => status)).toEqual(["accepted", "accepted"]);
    await until(ada, () => ada.eventId === 4);
    await until(bob, () => bob.eventId === 4);
    expect(ada.state).toEqual(bob.state);
    expect(await ada.verify()).toBe(true);
    expect(await bob.verify()).toBe(true);
    ada.setPresence({ at: "a" });
    await until(bob, () => bob.peers.length === 1);
    expect(bob.peers[0]).toMatchObject({ clientId: "ada", state: { at: "a" } });
    await ada.close();
    await until(bob, () => bob.peers.length === 0);
    await bob.close();
  });

  it("[CL-5] [CL-6] [CL-7] [CL-8] a client without a WebSocket agrees with one that has it", async () => {
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => SELF.fetch(url, init));
    const partition = "client-over-http";
    const [ada, bob] = [open(partition, "ada", { ...ports, open: byHttp }), open(partition, "bob")];
    expect((await ada.submit("set", { target: "docs", value: {} })).status).toBe("accepted");
    const both = await Promise.all([
      ada.submit("treePush", { target: "docs", value: { id: "a", name: "Ada's" } }),
      bob.submitBatch("atomic", [{ type: "set", payload: { target: "title", value: "Bob's" } }]),
    ]);
    expect(both.map(({ status }) => status)).toEqual(["accepted", "accepted"]);
    await until(ada, () => ada.eventId === 3);
    expect(await ada.verify()).toBe(true);
    ada.setPresence({ at: "a" });
    await until(bob, () => bob.peers.length === 1);
    await ada.close();
    await bob.close();
  });
});
