import { describe, expect, it, onTestFinished, vi } from "vitest";
import { listingPurpose } from "../../src/tenant/shared-rate.ts";
import { ask, askWith, bearer, fresh, type Message, post, sign, tenantOf } from "./wire.ts";

const list = async (token: string, search = ""): Promise<Message> => {
  const answer = await ask(`/v1/partitions${search}`, { headers: bearer(token) });
  return { status: answer.status, ...((await answer.json()) as object) };
};
const namesOf = ({ partitions }: Message): string[] =>
  partitions.map(({ partition }: { partition: string }) => partition);
/** Reports arrive after the answers that they are about. */
const listed = (token: string, count: number) =>
  vi.waitUntil(async () => namesOf(await list(token)).length === count, { timeout: 20_000 });

describe("GET /v1/partitions", () => {
  it("[AU-9] [OB-4] lists the partitions that the token is for, of its tenant, in pages", async () => {
    const tenant = fresh("t");
    const inspector = await sign({ tenant, partitions: ["*"], roles: ["admin"] });
    const writer = await sign({ tenant });
    const names = Array.from({ length: 5 }, (_, at) => `board-${at}`);
    for (const name of names) expect((await post(name, writer, "k")).status).toBe(201);
    await listed(inspector, 5);
    expect(namesOf(await list(writer))).toEqual(names);
    expect((await list(writer)).partitions[0]).toEqual({
      partition: "board-0",
      createdAt: expect.any(Number),
      activeAt: expect.any(Number),
      head: 1,
    });
    expect((await list(inspector, "?prefix=board-3")).partitions).toMatchObject([
      { partition: "board-3", quarantined: false, deadLetters: 0, fullest: { bound: expect.any(String) } },
    ]);
    const some = await sign({ tenant, partitions: ["board-1", "board-4*", "board-9"] });
    expect(namesOf(await list(some))).toEqual(["board-1", "board-4"]);
    expect(namesOf(await list(await sign({ tenant: fresh("other") })))).toEqual([]);
    const seen: string[] = [];
    for (let search = "?limit=2"; search !== "";) {
      const page = await list(writer, search);
      seen.push(...namesOf(page));
      search = page.next === undefined ? "" : `?limit=2&after=${page.next}`;
    }
    expect(seen.toSorted()).toEqual(names);
  });

  it("[AU-9] [MD-16] leaves out what the state does not let the reader see, and gives no name away", async () => {
    const tenant = fresh("t");
    const club = fresh("club");
    const of = (sub: string, more: object = {}) => sign({ tenant, sub, partitions: ["club-*"], ...more });
    const founder = await of("ann");
    const body = { type: "found", payload: { name: "Ann" } };
    expect((await post(club, founder, "k", body)).status).toBe(201);
    await listed(await of("root", { roles: ["admin"] }), 1);
    expect(namesOf(await list(founder))).toEqual([club]);
    const stranger = await of("eve");
    // Whatever begins a name, and whatever does not: the answer is the same.
    for (const prefix of ["", "c", club, "d", "clubs"]) {
      expect(await list(stranger, `?limit=1&prefix=${prefix}`)).toEqual({ status: 200, partitions: [] });
    }
    const other = fresh("club");
    expect((await post(other, founder, "k", body)).status).toBe(201);
    await listed(founder, 2);
    const cursors: string[] = [];
    for (const prefix of ["", "c", club, "d", "clubs"]) {
      const page = await list(stranger, `?limit=1&prefix=${prefix}`);
      expect(page).toEqual({ status: 200, partitions: [], next: expect.any(String) });
      cursors.push(page.next);
      expect(Buffer.from(page.next, "base64url").toString("latin1")).not.toContain("club");
      expect(await list(stranger, `?prefix=${prefix}&after=${page.next}`)).toEqual({ status: 200, partitions: [] });
    }
    expect(new Set(cursors.map(({ length }) => length)).size).toBe(1);
    // What the reader may read is found by a prefix all the same.
    expect(namesOf(await list(founder, `?prefix=${other}`))).toEqual([other]);
  });

  it("[AU-3] shows figures and orders to who may inspect, and nothing to who may not read", async () => {
    const tenant = fresh("t");
    const [small, large] = [fresh(), fresh()];
    const writer = await sign({ tenant });
    const inspector = await sign({ tenant, partitions: ["*"], permissions: ["admin:inspect"], roles: [] });
    const text = { type: "set", payload: { target: "t", value: "x".repeat(5_000) } };
    await post(small, writer, "k");
    await post(large, writer, "k", text);
    await listed(inspector, 2);
    for (const order of ["largest", "fullest", "hottest"]) {
      const { status, partitions, next } = await list(inspector, `?order=${order}`);
      expect([status, partitions.length, next]).toEqual([200, 2, undefined]);
    }
    expect(namesOf(await list(inspector, "?order=largest"))).toEqual([large, small]);
    expect(namesOf(await list(inspector, "?only=quarantined"))).toEqual([]);
    for (const search of ["?order=largest", "?only=quarantined"]) {
      expect(await list(writer, search)).toMatchObject({ status: 403, code: "forbidden" });
    }
    const blind = await sign({ tenant, permissions: ["submit:*"], roles: [] });
    expect(await list(blind)).toMatchObject({ status: 403, code: "forbidden" });
  });

  it("[AU-5] [AU-10] is limited for a principal, and not for another one", async () => {
    const tenant = fresh("t");
    const token = await sign({ tenant });
    expect((await list(token)).status).toBe(200);
    // The debt of an hour: the time that a test takes does not pay it.
    const taken = { version: 1, principal: "alice", count: 180_000 };
    await vi.waitUntil(async () => (await tenantOf(tenant).takeListedWith(taken)) === undefined, 10_000);
    expect(await list(token)).toMatchObject({ status: 429, code: "rate_limited", rateLimit: { policy: "reads" } });
    expect((await list(await sign({ tenant, sub: "bob" }))).status).toBe(200);
  });

  it("[AU-5] [BD-5] a list for which all rows are looked through costs more", async () => {
    // The clock stands still, so that nothing is given back meanwhile.
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const tenant = fresh("t");
    const permissions = ["admin:inspect", "admin:effects"];
    const token = await sign({ tenant, sub: "root", partitions: ["*"], permissions, roles: [] });
    const left = 199;
    const taken = { version: 1, principal: "root", count: listingPurpose.each.burst - left };
    expect(await tenantOf(tenant).takeListedWith(taken)).toBeUndefined();
    for (const search of ["?order=largest", "?only=quarantined", "?only=deadLetters", "?only=damaged"])
      expect(await list(token, search)).toMatchObject({ status: 429, rateLimit: { policy: "reads" } });
    expect((await ask("/v1/dead-letters", { headers: bearer(token) })).status).toBe(429);
    expect((await list(token)).status).toBe(200);
    expect((await list(token, "?order=hottest&only=damaged")).status).toBe(200);
  });

  it("[AU-10] refuses what is no question, and says where there is no directory", async () => {
    const token = await sign();
    for (const search of ["?limit=x", "?order=name", "?only=all", "?prefix=%00", "?after=board-1"]) {
      expect(await list(token, search)).toMatchObject({ status: 400, code: "bad_request" });
    }
    // What its operator has to add.
    const bindIt = expect.stringMatching(
      /: bind METRICS to MetricsObject in wrangler\.toml, .* docs\/guide\/parts\.md /,
    );
    const all = { headers: bearer(await sign({ partitions: ["*"], permissions: ["admin:*"], roles: [] })) };
    for (const path of ["/v1/partitions", "/v1/dead-letters", "/metrics", "/v1/partitions/board-1/costs"]) {
      const without = await askWith({ METRICS: undefined }, path, all);
      expect(await without.json()).toMatchObject({ code: "not_configured", detail: bindIt });
    }
  });
});
