import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { askWith, bearer, event, fresh, sign, tenantOf } from "./wire.ts";

const draft = (draftId: string) => ({ draftId, event, expectedEventId: undefined });
const context = { traceId: "0".repeat(32) };
const author = { principal: "alice", permissions: ["read", "submit:*"], expiresAt: Date.now() + 60_000 };

describe("a Worker of this version, and objects of the one before", () => {
  const before = { PARTITIONS: env.PARTITIONS_BEFORE, TENANTS: env.TENANTS_BEFORE };
  const ask = (path: string, init?: RequestInit) => askWith(before, path, init);

  it("[LC-5] [ID-1] submits, reads, and replays", async () => {
    const room = fresh();
    const headers = { ...bearer(await sign({ tenant: fresh("t") })), "idempotency-key": "d1" };
    const path = `/v1/partitions/${room}`;
    const post = () => ask(`${path}/events`, { method: "POST", headers, body: JSON.stringify(event) });
    const first = await post();
    expect(first.status).toBe(201);
    expect(await (await post()).text()).toBe(await first.text());
    const page = (await (await ask(`${path}/events?since=0&limit=1&proofs=true`, { headers })).json()) as object;
    expect(page).toMatchObject({ currentEventIndex: 1, events: [{ eventId: 1 }] });
    expect(await (await ask(`${path}/state?at=1`, { headers })).json()).toMatchObject({ eventIndex: 1 });
    expect((await ask(`${path}/usage`, { headers })).status).toBe(200);
    expect((await ask("/readyz")).status).toBe(200);
  });

  it("[LC-5] opens a WebSocket, a stream, and a connection without a WebSocket", async () => {
    const path = `/v1/partitions/${fresh()}`;
    const headers = bearer(await sign({ tenant: fresh("t") }));
    const { webSocket } = await ask(`${path}/ws`, { headers: { ...headers, upgrade: "websocket" } });
    webSocket!.accept();
    webSocket!.close();
    const stream = await ask(`${path}/events/stream`, { headers });
    expect(stream.status).toBe(200);
    await stream.body!.cancel();
    const posted = await ask(`${path}/connection`, { method: "POST", headers });
    const reader = posted.body!.pipeThrough(new TextDecoderStream()).getReader();
    const { connectionId } = JSON.parse(/data: (.*)/.exec((await reader.read()).value!)![1]!) as {
      connectionId: string;
    };
    const body = JSON.stringify({ before: 0, frames: ['{"type":"heartbeat"}'] });
    expect((await ask(`${path}/connection/${connectionId}`, { method: "POST", headers, body })).status).toBe(202);
    await reader.cancel();
  });

  it("[LC-5] [AU-4] takes tickets, revokes, sets limits, and drains", async () => {
    const tenant = fresh("t");
    const admin = bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] }));
    const room = fresh();
    const json = (body: object): RequestInit => ({ method: "POST", headers: admin, body: JSON.stringify(body) });
    const taken = await ask("/v1/tickets", { method: "POST", headers: bearer(await sign({ tenant })) });
    const { ticket } = (await taken.json()) as { ticket: string };
    const opened = await ask(`/v1/partitions/${room}/events/stream?ticket=${ticket}`);
    expect(opened.status).toBe(200);
    const revoked = await ask("/v1/revocations/sub/alice", { method: "PUT", headers: admin });
    expect(await revoked.json()).toMatchObject({ kind: "sub", id: "alice", told: 1, pending: 0 });
    expect((await ask("/v1/tickets", { method: "POST", headers: bearer(await sign({ tenant, iat: 1 })) })).status).toBe(
      401,
    );
    expect(await (await ask("/v1/revocations", { headers: admin })).json()).toMatchObject({
      revocations: [{ id: "alice" }],
    });
    const limits = await ask("/v1/limits", { ...json({ tenant: null, newPartitions: null }), method: "PUT" });
    expect(limits.status).toBe(200);
    expect(await (await ask("/v1/limits", { headers: admin })).json()).toMatchObject({ override: { tenant: null } });
    expect((await ask("/v1/drain", json({ seconds: 1 }))).status).toBe(200);
    await opened.body!.cancel();
  });
});

describe("a Worker of the version before, and objects of this one", () => {
  const partition = (room: string) => env.PARTITIONS.getByName(`${fresh("t")}/${room}`);

  it("[LC-5] [ID-1] submits, reads, and posts by arguments in their positions", async () => {
    const stub = partition(fresh());
    const submission = { key: "d1", mode: "single", drafts: [draft("d1")] } as const;
    const first = await stub.submit(author, "c", submission, 100, context);
    expect(first).toMatchObject({ status: 201 });
    expect(await stub.submit(author, "c", submission, 100, context)).toEqual(first);
    expect(JSON.parse((await stub.readEvents(0, undefined, context, { proofs: true })).body)).toMatchObject({
      currentEventIndex: 1,
    });
    expect((await stub.readState(1, context)).status).toBe(200);
    expect((await stub.readUsage(context)).status).toBe(200);
    expect((await stub.ready(context)).status).toBe(200);
    expect((await stub.postFrames("none", author, 0, [], context.traceId)).status).toBe(404);
    expect(await stub.tenantChanged({ seq: 1, revocations: [], limits: {} })).toBe(true);
    await stub.drain(1);
  });

  it("[LC-5] opens a stream, whose request is in a header of another name", async () => {
    const asked = { kind: "events", author, since: 0 };
    const headers = { "partita-stream": JSON.stringify(asked) };
    const stream = await partition(fresh()).fetch(new Request("http://partition/stream", { headers }));
    expect(stream.status).toBe(200);
    await stream.body!.cancel();
  });

  it("[LC-5] [AU-4] calls the tenant, as a partition of that version does, too", async () => {
    const room = fresh();
    const stub = tenantOf(fresh("t"));
    expect(await stub.attend(room, 1_000, 0)).toMatchObject({ seq: 0, revocations: [] });
    expect(await stub.claim(room)).toBeUndefined();
    expect(await stub.grant(3)).toMatchObject({ granted: 3 });
    expect(await stub.setLimits({ newPartitions: null })).toMatchObject({ pending: 0 });
    expect(await stub.putTicket("ticket", "alice", "{}")).toHaveProperty("expiresAt");
    expect(await stub.takeTicket("ticket")).toBe("{}");
    const revocation = { kind: "sub", id: "alice", at: 100, expiresAt: Date.now() + 60_000 } as const;
    expect(await stub.revoke(revocation)).toMatchObject({ pending: 0 });
    expect(await stub.refusal({ ...author, issuedAt: 100 })).toMatchObject({ code: "auth_revoked" });
    expect(await stub.drain(1)).toHaveProperty("told");
  });
});
