import { describe, expect, it } from "vitest";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import { accepted, FakeWorld, refused, settle } from "./harness.ts";

const title = (value: string) => ["set", { target: "title", value }] as const;
const minute = 60_000;
/** Of the server, whose clock has nothing to do with ours: `FakeSocket.say` says that it is 1. */
const serverNow = 1;

/** A client whose token lives for an hour, and an issuer that can be told to fail. */
async function signedIn(lifeMs = 60 * minute) {
  const world = new FakeWorld();
  const issuer = { tokens: 0, token: async (): Promise<string> => `token-${++issuer.tokens}` };
  const engine = { url: "ws://server/ws", token: () => issuer.token(), presence: false };
  // Nobody answers heartbeats here.
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
  it("[CL-3] [AU-1] asks for it only with a token, and sends a fresh one at 80 percent of its life, again and again", async () => {
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

  it("[CL-3] spreads it over a tenth of the life to each side", async () => {
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

  it("[CL-3] tries again a few times, each sooner, where the token cannot be had, fails or never comes", async () => {
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

  it("[CL-3] tries again when the server cannot verify it now, and stays connected", async () => {
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

  it("[CL-3] comes back with a fresh token when it was refused, and backs off when that is revoked, too", async () => {
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

  it("[CL-3] plans nothing for a connection that is gone, nor by a late token, nor further than timers count", async () => {
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

describe("refusals that may pass", () => {
  it("[ER-5] [WP-12] holds everything after rate_limited, for as long as it says, and sends it again in order", async () => {
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

  it("[ER-5] [CL-3] waits as long as too_many_connections says, at the door and later, and keeps its drafts", async () => {
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
