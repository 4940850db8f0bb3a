import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { type Draft, single } from "../../src/core/index.ts";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel } from "../../src/model/index.ts";
import type { Author } from "../../src/protocol/index.ts";
import { TestShell, turn } from "../support/shell.ts";

const model = defineModel({
  name: "counting",
  version: 3,
  initialState: () => ({ n: 0 }),
  events: {
    add: {
      payload: z.strictObject({ n: z.number() }),
      validate: (state, { payload }) =>
        state.n + payload.n > 10 ? { field: "payload.n", code: "TOO_MUCH", message: "At most ten." } : undefined,
      reduce(state, { payload }) {
        state.n += payload.n;
      },
    },
  },
});
const effects = defineEffects(model, {
  add: (_, { payload: { n } }) => [
    { kind: "schedule", key: `later-${n}`, at: 4_000_000_000_000 + n, type: "add", payload: { n: 0 } },
  ],
});
const alice: Author = { principal: "alice", permissions: "all" };
const bob: Author = { principal: "bob", permissions: "all" };
const add = (draftId: string, n: number): Draft => ({
  draftId,
  event: { type: "add", payload: { n } },
  expectedEventId: undefined,
});
const context = { traceId: "f".repeat(32) };

describe("what an operator sees of a partition", () => {
  const filled = async () => {
    const room = new TestShell({ model, effects });
    await room.submit(alice, single(add("a1", 4)));
    const traceId = "b".repeat(32);
    const rejected = room.shell.submit(bob, "c", single(add("b1", 99)), 10, { traceId });
    await turn();
    room.elapse(0);
    await rejected;
    await room.submit(alice, single(add("a2", 5)));
    await room.submit(alice, { key: "batch", mode: "atomic", drafts: [add("m1", 1), add("m2", 1)] });
    const inspect = async (asked: Parameters<typeof room.shell.inspect>[0]) => {
      const { status, body } = await room.shell.inspect(asked, context);
      return { status, ...JSON.parse(body) };
    };
    return { room, inspect };
  };

  it("[OB-4] each rejection says why, and on which state it was judged", async () => {
    const { inspect } = await filled();
    const { rejections, next } = await inspect({ what: "rejections", filter: {}, limit: 10 });
    expect(next).toBeUndefined();
    expect(rejections).toMatchObject([
      { principal: "alice", draftId: "batch", judgedAt: 2 },
      {
        principal: "bob",
        draftId: "b1",
        judgedAt: 1,
        problem: { code: "validation_failed", layer: "rule", errors: [{ field: "payload.n", code: "TOO_MUCH" }] },
      },
    ]);
    const { traceId } = rejections[1].problem;
    expect((await inspect({ what: "rejections", filter: { traceId }, limit: 10 })).rejections).toEqual([rejections[1]]);
    const inBatch = rejections[0].problem.results[1].problem.traceId;
    expect((await inspect({ what: "rejections", filter: { traceId: inBatch }, limit: 10 })).rejections).toEqual([
      rejections[0],
    ]);
    const first = await inspect({ what: "rejections", filter: {}, limit: 1 });
    expect(first.next).toBe(2);
    expect((await inspect({ what: "rejections", filter: {}, before: 2, limit: 1 })).rejections).toEqual([
      rejections[1],
    ]);
  });

  it("[OB-4] each event says who has submitted it, and under which key", async () => {
    const { inspect } = await filled();
    expect(await inspect({ what: "event", eventId: 2 })).toMatchObject({
      status: 200,
      eventId: 2,
      principal: "alice",
      draftId: "a2",
      transformed: false,
    });
    expect(await inspect({ what: "event", eventId: 3 })).toMatchObject({ status: 404, code: "not_found" });
  });

  it("[OB-4] it says what the partition is, and has to do", async () => {
    const { inspect } = await filled();
    expect(await inspect({ what: "overview" })).toMatchObject({
      head: 2,
      model: { name: "counting", version: 3 },
      snapshots: [],
      lanes: [],
      timers: { total: 2, nextAt: 4_000_000_000_004 },
    });
    const { timers, next } = await inspect({ what: "timers", skip: 0, limit: 1 });
    expect([timers[0].key, timers[0].type, next]).toEqual(["later-4", "add", 1]);
    expect(await inspect({ what: "timers", skip: 1, limit: 1 })).toMatchObject({ timers: [{ key: "later-5" }] });
  });

  it("[OB-4] it lists connections, with their cursor and what holds them", async () => {
    const { room, inspect } = await filled();
    const reader = await room.open(alice);
    reader.send("connect", { clientId: "phone", version: "1", credit: 65_536 });
    await turn();
    room.elapse(0);
    await room.open(bob);
    const { connections, total, next } = await inspect({ what: "connections", skip: 0, limit: 1 });
    expect([total, next]).toEqual([2, 1]);
    expect(connections).toMatchObject([
      { principal: "alice", clientId: "phone", cursor: 2, atHead: true, creditBytes: 65_536, spentBytes: 0 },
    ]);
  });

  it("[OB-4] [BD-4] of a partition that was never written it shows nothing, and writes nothing", async () => {
    const room = new TestShell({ model });
    const { body } = await room.shell.inspect({ what: "overview" }, context);
    expect(JSON.parse(body)).toMatchObject({ head: 0, jobs: [], timers: { total: 0 } });
    const { body: found } = await room.shell.inspect({ what: "rejections", filter: {}, limit: 5 }, context);
    expect(JSON.parse(found)).toEqual({ rejections: [] });
  });
});
