import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import type { Subject } from "../../src/identity/verify.ts";
import type { Author, Failure } from "../../src/protocol/index.ts";
import { generousTenant, TestShell, turn } from "../support/shell.ts";

const subject: Subject = {
  principal: "alice",
  tenant: "default",
  partitions: ["*"],
  permissions: ["*"],
  roles: [],
  expiresAt: 1_800_000_000_000,
  issuedAt: undefined,
  jti: undefined,
};
const alice: Author = { principal: "alice", permissions: ["*"], expiresAt: subject.expiresAt };
const draft = (draftId: string) => ({
  draftId,
  event: { type: "set", payload: { target: "n", value: draftId } },
  expectedEventId: undefined,
});

describe("frames that wait for an answer from elsewhere", () => {
  it("[WP-12] keep their place before frames that arrive under load, and are not decoded yet", async () => {
    let verified: (subject: Subject) => void = () => {};
    const room = new TestShell({
      tenant: generousTenant,
      verify: () => new Promise((resolve) => (verified = resolve)),
    });
    const busy = await room.open(alice);
    busy.send("connect", { clientId: "busy", version: "1" });
    const late = await room.open(undefined, true);
    late.send("connect", { clientId: "late", version: "1", token: "t" });
    late.send("heartbeat", {});
    // From here on frames are decoded with their window.
    for (let at = 0; at < 20; at++) busy.send("heartbeat", {});
    late.send("sync", {});
    verified(subject);
    await turn();
    room.elapse(1);
    expect(late.messages.map(({ type }) => type)).toEqual(["connected", "heartbeat", "sync_response"]);
  });
});

describe("a frame whose answer from elsewhere never comes", () => {
  it("[AU-2] ends its connection, so that the client connects again", async () => {
    const room = new TestShell({ tenant: generousTenant, verify: () => Promise.reject(new Error("no answer")) });
    const connection = await room.open(undefined, true);
    connection.send("connect", { clientId: "c", version: "1", token: "t" });
    connection.send("heartbeat", {});
    await turn();
    expect(connection.ended).toEqual([1013]);
    expect(connection.messages).toEqual([]);
  });

  it("[WP-12] takes none of the frames behind it, also those that are not decoded yet", async () => {
    let fail: (error: Error) => void = () => {};
    let verifications = 0;
    const verify = () => {
      verifications++;
      return new Promise<Subject>((_, reject) => (fail = reject));
    };
    const room = new TestShell({ tenant: generousTenant, verify });
    const busy = await room.open(alice);
    busy.send("connect", { clientId: "busy", version: "1" });
    const late = await room.open(undefined, true);
    late.send("connect", { clientId: "late", version: "1", token: "t" });
    // From here on frames are decoded with their window.
    for (let at = 0; at < 20; at++) busy.send("heartbeat", {});
    late.send("connect", { clientId: "late", version: "1", token: "t" });
    fail(new Error("no answer"));
    await turn();
    room.elapse(1);
    expect(late.ended).toEqual([1013]);
    expect(late.messages).toEqual([]);
    expect(verifications).toBe(1);
  });
});

describe("a renewal with the token of somebody else", () => {
  it("[AU-5] is refused, and takes no place of that principal", async () => {
    const room = new TestShell({
      tenant: generousTenant,
      verify: async () => ({ ...subject, principal: "bob" }),
      limits: { connectionsPerPrincipal: 1 },
    });
    const connection = await room.open(alice);
    connection.send("connect", { clientId: "c", version: "1" });
    connection.send("renew", { token: "bob's" });
    await turn();
    expect(connection.messages.at(-1)).toMatchObject({ type: "error", payload: { code: "bad_request" } });
    await room.open({ ...alice, principal: "bob" });
    await expect(room.open({ ...alice, principal: "bob" })).rejects.toThrow("too_many_connections");
  });
});

describe("the alarm", () => {
  it("[AU-4] renews the subscription to the tenant, also where the sweep fails", async () => {
    let subscribed = 0;
    const attend = async () => {
      subscribed++;
      return { seq: 0, revocations: [], limits: {} };
    };
    const room = new TestShell({ tenant: { ...generousTenant, attend } });
    const connection = await room.open(alice);
    connection.send("connect", { clientId: "c", version: "1" });
    connection.send("submit_event", draft("d1"));
    await turn();
    expect(subscribed).toBe(1);
    await room.alarm();
    expect(subscribed).toBe(2);
    room.driver.transaction(() =>
      room.driver.script("CREATE TRIGGER no_jobs BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no'); END"),
    );
    await room.alarm();
    expect(subscribed).toBe(3);
    expect(room.armedAt).toBeGreaterThan(room.now);
  });
});

describe("a draft over HTTP", () => {
  const submitted = (room: TestShell, author: Author) =>
    room.shell.submit(author, "c", single(draft("d1")), 100, { traceId: "0".repeat(32) });

  it("[AU-4] is refused where its token has expired while it waited", async () => {
    let claimed: (failure: Failure | undefined) => void = () => {};
    const claim = () => new Promise<Failure | undefined>((resolve) => (claimed = resolve));
    const room = new TestShell({ tenant: { ...generousTenant, claim } });
    const answer = submitted(room, { ...alice, expiresAt: room.now + 1_000 });
    await turn();
    room.now += 1_000;
    claimed(undefined);
    expect(await answer).toMatchObject({ status: 401, body: expect.stringContaining("auth_expired") });
    expect(await submitted(room, alice)).toMatchObject({ status: 201 });
  });

  it("[AU-4] is refused where its token was revoked while it waited", async () => {
    let claimed: (failure: Failure | undefined) => void = () => {};
    const claim = () => new Promise<Failure | undefined>((resolve) => (claimed = resolve));
    const room = new TestShell({ tenant: { ...generousTenant, claim } });
    const answer = submitted(room, { ...alice, tokenId: "t" });
    await turn();
    const revocation = { kind: "jti", id: "t", at: 0, expiresAt: subject.expiresAt } as const;
    room.shell.tenantChanged({ seq: 1, revocations: [revocation], limits: {} });
    claimed(undefined);
    expect(await answer).toMatchObject({ status: 401, body: expect.stringContaining("auth_revoked") });
  });
});

describe("drain", () => {
  it("[LC-4] ends after its time, also where the clock was set back meanwhile", async () => {
    const room = new TestShell();
    const refused = () => room.open().then(() => undefined, String);
    room.shell.drain(2);
    expect(await refused()).toContain("draining");
    room.now += 1_999;
    expect(await refused()).toContain("draining");
    room.now += 1;
    expect(await refused()).toBeUndefined();
    room.shell.drain(2);
    room.now -= 24 * 60 * 60 * 1_000;
    expect(await refused()).toBeUndefined();
  });
});
