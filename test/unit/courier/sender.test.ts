import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { courierBounds } from "../../../src/courier/bounds.ts";
import { messageOf } from "../../../src/courier/message.ts";
import { sendMessage, type SenderPorts } from "../../../src/courier/sender.ts";
import type { Endpoint } from "../../../src/platform/courier-api.ts";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const endpoint: Endpoint = {
  id: "billing",
  url: "https://billing.example.com/hooks",
  state: "active",
  paused: false,
  createdAt: 0,
  ownHost: "partita.example.com",
  secrets: [],
};
const message = messageOf({
  effectId: "aa:1:0",
  type: 'order."paid"',
  timestamp: 1_700_000_000_000,
  partition: "room",
  correlationId: undefined,
  payload: '{"$&":"größe"}',
});
const portsOf = (fetch: SenderPorts["fetch"], more: Partial<SenderPorts> = {}): SenderPorts => ({
  fetch,
  now: () => Date.now(),
  secretsOf: async () => [secret],
  loopback: false,
  ...more,
});

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("an attempt", () => {
  it("[AU-11] is signed, follows no redirect, and has the payload as it was stored", async () => {
    const fetch = vi.fn(async (_url: string, _init: RequestInit) => new Response(null, { status: 204 }));
    expect(await sendMessage(endpoint, message, portsOf(fetch))).toEqual({
      outcome: { kind: "delivered", status: 204 },
    });
    const [url, init] = fetch.mock.calls[0]!;
    expect([url, init.method, init.redirect]).toEqual([endpoint.url, "POST", "manual"]);
    expect(init.body).toBe(
      '{"type":"order.\\"paid\\"","timestamp":"2023-11-14T22:13:20.000Z","partition":"room","data":{"$&":"größe"}}',
    );
    const headers = init.headers as Record<string, string>;
    expect(headers["webhook-id"]).toBe("aa:1:0");
    new Webhook(secret).verify(init.body as string, headers);
  });

  it("[AU-11] checks the address again, before anything is sent", async () => {
    const fetch = vi.fn(async () => new Response());
    for (const url of ["https://127.0.0.1/", "http://localhost:1/", "https://partita.example.com/"]) {
      expect((await sendMessage({ ...endpoint, url }, message, portsOf(fetch))).outcome).toMatchObject({
        kind: "failed",
        final: false,
        reason: expect.stringContaining("The address is refused"),
      });
    }
    expect(fetch).not.toHaveBeenCalled();
    const own = { ...endpoint, url: "http://127.0.0.1:9/" };
    expect((await sendMessage(own, message, portsOf(fetch, { loopback: true }))).outcome.kind).toBe("delivered");
  });

  it("[TX-13] ends after ten seconds, and a failure says nothing of the network", async () => {
    const hanging = (_: string, { signal }: RequestInit) =>
      new Promise<Response>((_resolve, reject) => {
        signal!.addEventListener("abort", () => reject(new Error("aborted")));
      });
    const attempt = sendMessage(endpoint, message, portsOf(hanging));
    await vi.advanceTimersByTimeAsync(courierBounds.attemptMs);
    expect((await attempt).outcome).toMatchObject({ kind: "failed", reason: "There was no answer within 10 seconds." });
    const failing = portsOf(() => Promise.reject(new Error("connect ECONNREFUSED 10.1.2.3:443")));
    expect((await sendMessage(endpoint, message, failing)).outcome).toEqual({
      kind: "failed",
      reason: "The connection failed.",
      final: false,
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("[TX-13] does not wait for the rest of an answer, and reads at most 64 KiB of one that it needs", async () => {
    let cancelled = 0;
    const endless = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(16_384)),
          cancel: () => void cancelled++,
        }),
      );
    expect(
      (
        await sendMessage(
          endpoint,
          message,
          portsOf(async () => endless()),
        )
      ).outcome.kind,
    ).toBe("delivered");
    expect(cancelled).toBe(1);
    const read = await sendMessage(
      endpoint,
      message,
      portsOf(async () => endless()),
      { readsBody: true },
    );
    expect([read.outcome.kind, read.body]).toEqual(["failed", undefined]);
    expect(cancelled).toBe(2);
    const small = portsOf(async () => new Response('{"challenge":"größe"}'));
    expect((await sendMessage(endpoint, message, small, { readsBody: true })).body).toBe('{"challenge":"größe"}');
  });

  it("[AU-11] is not made without its secret", async () => {
    const fetch = vi.fn(async () => new Response());
    const ports = portsOf(fetch, { secretsOf: () => Promise.reject(new Error("rotate the secret")) });
    expect((await sendMessage(endpoint, message, ports)).outcome).toMatchObject({ kind: "failed", final: false });
    expect(fetch).not.toHaveBeenCalled();
  });
});
