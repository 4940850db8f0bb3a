import { describe, expect, it } from "vitest";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { accepted, FakeWorld, refused, settle } from "./harness.ts";

const title = (value: string) => ["set", { target: "title", value }] as const;
const minute = 60_000;
/** In the time of the server, which differs from that of the client: `FakeSocket.say` sends the timestamp 1. */
const serverNow = 1;

/** A client with a token that is valid for an hour, and an issuer that can fail. */
async function signedIn(lifeMs = 60 * minute) {
  const world = new FakeWorld();
  const issuer = { tokens: 0, token: async (): Promise<string> => `token-${++issuer.tokens}` };
  const engine = { url: "ws://server/ws", token: () => issuer.token(), presence: false };
  // Heartbeats are not answered here.
  const client = world.client({ engine, timing: { ...defaultTiming, heartbeatMs: Number.MAX_SAFE_INTEGER } });
  await settle();
  world.socket.accept({ more: { expiresAt: serverNow + lifeMs } });
  await settle();
  const renewals = () => world.socket.of("renew").map(({ payload }) => payload.token as string);
  const renewed = (more = lifeMs) =>
    world.socket.say({
      type: "renewed",
      inReplyTo: world.socket.of("renew").at(-1)!.id,
      payload: { expiresAt: serverNow + more },
    });
  return { world, client, issuer, renewals, renewed };
}

describe("renewing the token", () => {
  it("[CL-3] [AU-1] asks for renewal only with a token, and sends a new one at 80 percent of each lifetime", async () => {
    const { world, client, renewals, renewed } = await signedIn();
    expect(world.socket.of("connect")[0]!.payload.renewal).toBe(true);
    await world.pass(48 * minute - 1);
    expect(renewals()).toEqual([]);
    await world.pass(1);
    expect(renewals()).toEqual(["token-2"]);
    renewed();
    await world.pass(48 * minute - 1);
    expect(renewals()).toHaveLength(1);
    await world.pass(1);
    expect(renewals()).toEqual(["token-2", "token-3"]);
    expect(client.status.status).toBe("online");
    expect(world.sockets).toHaveLength(1);

    const open = new FakeWorld();
    await open.online();
    expect(open.socket.of("connect")[0]!.payload.renewal).toBe(false);
  });

  it("[CL-3] spreads renewals over a tenth of the lifetime in both directions", async () => {
    for (const [random, at] of [
      [0, 42],
      [0.999_999, 54],
    ] as const) {
      const { world, renewals } = await signedIn();
      world.random = random;
      world.socket.say({ type: "renewed", payload: { expiresAt: serverNow + 60 * minute } });
      await world.pass(at * minute - 1_000);
      expect(renewals()).toEqual([]);
      await world.pass(1_000);
      expect(renewals()).toHaveLength(1);
    }
  });

  it("[CL-3] tries again a few times, with shorter delays, if getting the token fails or never ends", async () => {
    const { world, client, issuer, renewals } = await signedIn();
    let asked = 0;
    issuer.token = () => {
      asked++;
      return asked % 2 === 0 ? new Promise(() => {}) : Promise.reject(new Error("the issuer is down"));
    };
    await world.pass(60 * minute);
    // At 48 minutes, 57.6, 59.52 and 59.904: then 5.8 seconds are left, and once more.
    expect(asked).toBe(5);
    expect(renewals()).toEqual([]);
    expect(client.status.status).toBe("online");
    await world.pass(60 * minute);
    expect(asked).toBe(5);
  });

  it("[CL-3] tries again if the server cannot verify the token now, and stays connected", async () => {
    const { world, client, renewals, renewed } = await signedIn();
    await world.pass(48 * minute);
    const no = { code: "identity_unavailable", message: "no", detail: "no", retryable: true, retryAfter: 1 };
    world.socket.say({ type: "error", inReplyTo: world.socket.of("renew")[0]!.id, payload: no });
    expect(client.status.status).toBe("online");
    await world.pass(9.6 * minute);
    expect(renewals()).toEqual(["token-2", "token-3"]);
    renewed();
    await world.pass(40 * minute);
    expect(renewals()).toHaveLength(2);
  });

  it("[CL-3] reconnects with a new token after a refusal, and backs off if that is revoked, too", async () => {
    const { world, client, issuer } = await signedIn();
    await world.pass(48 * minute);
    const revoked = { code: "auth_revoked", message: "no", detail: "no", retryable: false };
    world.socket.say({ type: "error", inReplyTo: world.socket.of("renew")[0]!.id, payload: revoked });
    expect(client.status).toMatchObject({ status: "offline", reason: "refused", problem: { code: "auth_revoked" } });
    const waits: number[] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      waits.push(client.status.retryAt! - world.now);
      await world.pass(waits.at(-1)!);
      world.socket.open();
      world.socket.say({ type: "error", payload: revoked });
    }
    expect(waits).toEqual([125, 250, 500, 1_000]);
    expect(issuer.tokens).toBe(6);
  });

  it("[CL-3] schedules nothing after the connection has ended or for a late token, and no delay longer than timers allow", async () => {
    const { world, renewals, issuer } = await signedIn(365 * 24 * 60 * minute);
    await world.pass(24 * 60 * minute - 1);
    expect(renewals()).toEqual([]);
    await world.pass(1);
    expect(renewals()).toEqual(["token-2"]);
    let give: (token: string) => void = () => {};
    issuer.token = () => new Promise((resolve) => (give = resolve));
    await world.pass(24 * 60 * minute);
    world.socket.end();
    issuer.token = async () => "token-new";
    await world.pass(minute);
    world.socket.accept();
    give("token-late");
    await world.pass(100 * 24 * 60 * minute);
    expect(world.sockets.flatMap((socket) => socket.of("renew"))).toHaveLength(1);
  });
});

describe("temporary refusals", () => {
  it("[ER-5] [WP-12] sends nothing after rate_limited for the time that it gives, and then all drafts again in order", async () => {
    const world = new FakeWorld();
    const client = await world.online();
    const verdicts = [client.submit(...title("a")), client.submit(...title("b"))];
    await settle();
    const [first, second] = world.socket.of("submit_event");
    world.socket.say(refused(first!, "rate_limited", { retryable: true, retryAfter: 3 }));
    world.socket.say(refused(second!, "rate_limited", { retryable: true, retryAfter: 3 }));
    void client.submit(...title("c"));
    await world.pass(3_124);
    expect(world.socket.of("submit_event")).toHaveLength(2);
    expect(client.status.status).toBe("online");
    await world.pass(1);
    const again = world.socket.of("submit_event").slice(2);
    expect(again.map(({ payload }) => payload.event.payload.value)).toEqual(["a", "b", "c"]);
    expect(again.map(({ payload }) => payload.draftId).slice(0, 2)).toEqual([
      first!.payload.draftId,
      second!.payload.draftId,
    ]);
    world.socket.say(accepted(again[0]!, 1), accepted(again[1]!, 2));
    expect((await Promise.all(verdicts)).map(({ status }) => status)).toEqual(["accepted", "accepted"]);
  });

  it("[ER-5] [CL-3] waits as long as too_many_connections asks for, at the upgrade and later, and keeps its drafts", async () => {
    const world = new FakeWorld();
    const client = world.client();
    await settle();
    void client.submit(...title("a"));
    const full = { code: "too_many_connections", message: "no", detail: "no", retryable: true, retryAfter: 30 };
    for (const failures of [0, 1]) {
      world.socket.open();
      world.socket.say({ type: "error", payload: full });
      expect(client.status).toMatchObject({ status: "offline", reason: "refused", problem: { code: full.code } });
      const waits = client.status.retryAt! - world.now;
      expect(waits).toBe(30_000 + 125 * 2 ** failures);
      await world.pass(waits - 1);
      expect(world.sockets).toHaveLength(1 + failures);
      await world.pass(1);
    }
    world.socket.accept();
    await settle();
    expect(world.socket.of("submit_event")).toHaveLength(1);
    world.socket.say({ type: "draining", payload: { reconnectAfterMs: 2_000 } });
    expect(client.status).toMatchObject({ status: "offline", reason: "draining" });
    expect(client.pending).toHaveLength(1);
  });
});
