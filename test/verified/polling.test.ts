import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { ask, askWith, bearer, event, fresh, type Message, post, seconds, sign } from "./wire.ts";

const frame = (type: string, payload: object) => JSON.stringify({ id: type, type, timestamp: 1, payload });
const connect = frame("connect", { clientId: "a", version: "1", renewal: true });

const poll = async (connections: object[], holdMs = 0, headers: HeadersInit = {}): Promise<Message[]> => {
  const response = await ask("/v1/poll", { method: "POST", headers, body: JSON.stringify({ connections, holdMs }) });
  expect(response.status).toBe(200);
  return ((await response.json()) as Message).connections;
};
const messagesIn = (answer: Message): Message[] => answer.frames.flatMap((text: string) => JSON.parse(text) as Message);
const codes = (answers: Message[]) => answers.map(({ problem }) => problem?.code);

/** Opens a connection; returns what the next poll of it has. */
async function opened(partition: string, token: string): Promise<{ next: object; connectionId: string }> {
  const [answer] = await poll([{ partition, token, frames: [connect] }]);
  const { connectionId, frames } = answer;
  expect(messagesIn(answer).map(({ type }) => type)).toContain("connected");
  return { connectionId, next: { partition, token, connectionId, before: 1, received: frames.length } };
}

describe("polls, with tokens", () => {
  it("[CL-14] [AU-3] [AU-9] each connection of a request is authorised by its own token, or by that of the request", async () => {
    const room = fresh();
    const own = await sign();
    const open = (token?: string, partition = room) => ({ partition, ...(token === undefined ? {} : { token }) });
    const answers = await poll([
      open(own),
      open(),
      open("no token"),
      open(await sign({ partitions: ["other-*"] })),
      open(await sign({ roles: [], permissions: ["submit:*"] })),
      open(await sign({ exp: seconds() - 600 })),
      open(own, "elsewhere-1"),
    ]);
    expect(codes(answers)).toEqual([
      undefined,
      "unauthenticated",
      "unauthenticated",
      "forbidden",
      "forbidden",
      "auth_expired",
      "forbidden",
    ]);
    expect(codes(await poll([open()], 0, bearer(own)))).toEqual([undefined]);

    // A connection belongs to its opener; whether it exists is not shown.
    const { next } = await opened(room, own);
    const mallory = await sign({ sub: "mallory" });
    const foreign = { ...next, token: mallory };
    const absent = { ...next, token: mallory, connectionId: crypto.randomUUID() };
    expect(codes(await poll([foreign, absent]))).toEqual(["not_found", "not_found"]);
    expect(codes(await poll([next]))).toEqual([undefined]);
  });

  it("[CL-14] [AU-2] [AU-7] takes no token in the address, and serves no page of an origin that is not allowed", async () => {
    const body = JSON.stringify({ connections: [{ partition: fresh(), token: await sign() }] });
    const there = await ask("/v1/poll", { method: "POST", body, headers: { origin: "https://evil.example" } });
    expect(there.headers.get("access-control-allow-origin")).toBeNull();
    expect(codes(((await there.json()) as Message).connections)).toEqual(["origin_not_allowed"]);
    const inUrl = await ask(`/v1/poll?token=${await sign()}`, { method: "POST", body });
    expect(codes(((await inUrl.json()) as Message).connections)).toEqual(["bad_request"]);
  });

  it("[CL-14] [AU-4] a revocation ends a poll that waits, with its reason, and nothing that was committed later", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const token = await sign({ tenant, jti: fresh("jti") });
    const { next } = await opened(room, token);
    const held = poll([next], 25_000);
    const admin = {
      method: "PUT",
      headers: bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] })),
    };
    expect((await ask("/v1/revocations/sub/alice", admin)).status).toBe(200);
    await post(room, await sign({ tenant, sub: "bob" }), "d1");
    const [answer] = await held;
    expect(messagesIn(answer).map(({ payload }) => payload.code)).toEqual(["auth_revoked"]);
    expect(answer.end).toMatchObject({ code: 4401 });
    expect(codes(await poll([next]))).toEqual(["auth_revoked"]);
  });

  it("[CL-14] [AU-1] a token that expires ends a poll that waits", async () => {
    const { next } = await opened(fresh(), await sign({ exp: seconds() + 2 }));
    const [answer] = await poll([next], 25_000);
    expect(messagesIn(answer).map(({ payload }) => payload.code)).toEqual(["auth_expired"]);
    expect(answer.end).toMatchObject({ code: 4401 });
  });

  it("[CL-14] [AU-4] a connection renews its token, and goes on with the new one", async () => {
    const room = fresh();
    const { next } = await opened(room, await sign());
    const token = await sign({ jti: "another" });
    const [renewed] = await poll([{ ...next, token, frames: [frame("renew", { token })] }], 0);
    // The token is verified meanwhile.
    const received = (next as Message).received + (renewed.frames?.length ?? 0);
    const later = { ...next, token, before: 2, received };
    const [answer] = renewed.frames?.length > 0 ? [renewed] : await poll([later], 25_000);
    expect(messagesIn(answer).map(({ type }) => type)).toEqual(["renewed"]);
  });

  it("[CL-14] [BD-5] costs a unit of reading, and a refused poll changes nothing", async () => {
    const tenant = fresh("t");
    const room = fresh();
    const token = await sign({ tenant });
    const limits = { reads: { perSecond: 1, burst: 3 } };
    const admin = bearer(await sign({ tenant, sub: "root", partitions: ["*"], roles: ["admin"] }));
    const set = await ask("/v1/limits", { method: "PUT", headers: admin, body: JSON.stringify(limits) });
    expect(set.status).toBe(200);
    const { next } = await opened(room, token);
    const draft = frame("submit_event", { draftId: "d", event });
    let answer: Message;
    for (let count = 0; count < 10; count++) {
      [answer] = await poll([next]);
      if (answer.problem) break;
    }
    expect(answer.problem).toMatchObject({ code: "rate_limited", rateLimit: { policy: "reads" } });
    [answer] = await poll([{ ...next, frames: [draft] }]);
    expect(answer.problem.code).toBe("rate_limited");
    for (;;) {
      [answer] = await poll([{ ...next, frames: [draft] }], 20_000);
      if (!answer.problem) break;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(messagesIn(answer).map(({ type }) => type)).toContain("event_accepted");
  });

  it("[CL-14] [LC-5] an object of the version before refuses its connection, and can be tried again", async () => {
    const before = { PARTITIONS: env.PARTITIONS_BEFORE, TENANTS: env.TENANTS_BEFORE };
    const body = JSON.stringify({ connections: [{ partition: fresh(), token: await sign({ tenant: fresh("t") }) }] });
    const response = await askWith(before, "/v1/poll", { method: "POST", body });
    const [answer] = ((await response.json()) as Message).connections;
    expect(answer.problem).toMatchObject({ code: "partition_unavailable", retryable: true });
  });
});
