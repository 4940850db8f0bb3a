import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import { platformPorts } from "../../../src/client/transport/platform.ts";
import { FakeWorld, settle } from "./harness.ts";

describe("faults of the network", () => {
  it("[CL-3] a connect that arrives twice does not close the client", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    world.socket.say({
      type: "error",
      inReplyTo: world.socket.of("connect")[0]!.id,
      payload: { code: "already_connected", message: "no", detail: "no", status: 409, retryable: false },
    });
    await settle();
    expect(client.status.status).toBe("online");
  });
});

describe("the platform's WebSocket", () => {
  it("[CL-3] [CL-5] reports at once that no server listens", async () => {
    const server = createServer();
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, "close");
    const code = await new Promise<number>((resolve) => {
      platformPorts.open(`ws://127.0.0.1:${port}/`, { opened: () => {}, received: () => {}, closed: resolve }, []);
    });
    expect(code).toBe(1006);
  });

  it("[CL-3] [CL-5] reports at once that the server refused the upgrade", async () => {
    const server = createServer().on("upgrade", (_, socket) => void socket.end("HTTP/1.1 503 Busy\r\n\r\n"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const code = await new Promise<number>((resolve) => {
      platformPorts.open(`ws://127.0.0.1:${port}/`, { opened: () => {}, received: () => {}, closed: resolve }, []);
    });
    expect(code).toBe(1006);
    server.close();
  });
});
