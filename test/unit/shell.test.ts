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
