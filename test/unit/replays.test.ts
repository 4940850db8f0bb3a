import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Draft, Ports, Submission } from "../../src/core/index.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { type Author, bounds, type Limits } from "../../src/protocol/index.ts";
import type { SqlDriver } from "../../src/storage/driver.ts";
import type { StorageWrites } from "../../src/storage/port.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { answerOutcome } from "../../src/wire/partita/answers.ts";
import { TestPartition } from "../support/partition.ts";
import { type ShellConnection, TestShell } from "../support/shell.ts";

const alice: Author = { principal: "alice", permissions: "all" };
const set = (draftId: string, value: string | number = 1): Draft => ({
  draftId,
  event: { type: "set", payload: { target: draftId, value } },
  expectedEventId: undefined,
});
const one = (draft: Draft): Submission => ({ key: draft.draftId, mode: "single", drafts: [draft] });

const accepted = set("accepted");
const rejected: Draft = { draftId: "rejected", event: { type: "set", payload: {} }, expectedEventId: undefined };
const fresh = set("fresh");
const atomic: Submission = { key: "atomic", mode: "atomic", drafts: [set("member-1"), set("member-2")] };
/** What was answered before; of the last one only the first two drafts. */
const answered: Record<string, Submission> = {
  "an accepted draft": one(accepted),
  "a rejected draft": one(rejected),
  "an atomic batch": atomic,
  "a rejected atomic batch": { key: "rejected-batch", mode: "atomic", drafts: [set("member-3"), rejected] },
  "a sequential batch": { key: "sequential", mode: "sequential", drafts: [accepted, set("in-order"), rejected, fresh] },
  "a key that is used for something else": one(set("accepted", 2)),
  "a batch key that is used for something else": { ...atomic, drafts: [set("member-1")] },
};

/** The model, with a reducer that throws on one value. */
const broken = {
  ...insieme,
  eventType(type: string) {
    const definition = (insieme as AnyModel).eventType(type);
    if (type !== "set" || !definition) return definition;
    return {
      ...definition,
      reduce(state: never, event: { payload: { value?: unknown } }, context: never) {
        if (event.payload.value === "poison") throw new Error("secret");
        definition.reduce(state, event as never, context);
      },
    };
  },
} as unknown as AnyModel;

/** What refuses new work, and the code that new work gets. `before`: done while everything is accepted. */
const refusers: Record<
  string,
  { code: string; limits?: Partial<Limits>; refuse(room: TestShell): Promise<TestShell> }
> = {
  "the partition is drained": {
    code: "draining",
    async refuse(room) {
      room.shell.drain(60);
      return room;
    },
  },
  "the model cannot fold the log": {
    code: "quarantined",
    async refuse(room) {
      await room.submit(alice, one(set("poisonous", "poison")));
      return new TestShell({ driver: room.driver, model: broken });
    },
  },
  "the state is folded from a long log": {
    code: "rebuilding",
    async refuse({ driver }) {
      const slice = { events: 1, bytes: 1, work: 1 };
      return new TestShell({ driver, folding: { load: slice, turn: slice, slicesMax: 1 } });
    },
  },
  "the rate is used up": {
    code: "rate_limited",
    limits: { principal: { perSecond: 0.001, burst: 30 } },
    async refuse(room) {
      for (let at = 0; (await room.submit(alice, one(set(`n${at}`)))).status === 201; at++);
      return room;
    },
  },
  "the state has reached its bound": {
    code: "state_too_large",
    async refuse(room) {
      // So full that nothing fits any more.
      for (const value of ["x".repeat(60_000), "x".repeat(1_000), ""]) {
        const key = (at: number) => `of-${value.length}-${at}`;
        for (let at = 0; (await room.submit(alice, one(set(key(at), value)))).status === 201; at++);
      }
      return room;
    },
  },
};

/** Answers to `submission` on a connection, as frames. */
function answersOn(connection: ShellConnection, room: TestShell, { key, mode, drafts }: Submission): readonly string[] {
  const before = connection.frames.length;
  if (mode === "single") connection.send("submit_event", { ...drafts[0]! });
  else connection.send("submit_events", { batchId: key, mode, events: drafts });
  room.elapse(0);
  return connection.frames.slice(before).filter((frame) => !/"type":"(broadcast|draining)"/.test(frame));
}

async function connected(room: TestShell): Promise<ShellConnection> {
  const connection = await room.open(alice);
  connection.send("connect", { clientId: "phone", version: "1" });
  room.elapse(0);
  return connection;
}

/** A partition that refuses new work, and what was answered before it did. */
async function prepared(refuser: string) {
  const { limits, refuse } = refusers[refuser]!;
  let room = new TestShell(limits ? { limits } : {});
  for (const submission of Object.values(answered).slice(0, 5)) await room.submit(alice, submission);
  const connection = await connected(room);
  const first = new Map<string, { http: unknown; socket: readonly string[] }>();
  for (const [title, submission] of Object.entries(answered)) {
    first.set(title, {
      http: await room.submit(alice, submission),
      socket: answersOn(connection, room, submission),
    });
  }
  room = await refuse(room);
  return { room, first };
}

describe.each(Object.keys(refusers))("while %s", (refuser) => {
  const { code } = refusers[refuser]!;

  it("[BD-6] [ID-1] what was answered before gets the same bytes over HTTP, and new work is refused", async () => {
    const { room, first } = await prepared(refuser);
    const refused = await room.submit(alice, one(set("new")));
    expect(JSON.parse(refused.body)).toMatchObject({ code });
    for (const [title, submission] of Object.entries(answered)) {
      expect(await room.submit(alice, submission)).toEqual(first.get(title)!.http);
    }
  });

  it("[BD-6] [TX-6] in a sequential batch the drafts that were answered before are answered, and the first new one is refused", async () => {
    const { room } = await prepared(refuser);
    const batch: Submission = { key: "mixed", mode: "sequential", drafts: [accepted, set("new"), set("later")] };
    const { status, body } = await room.submit(alice, batch);
    expect(status).toBe(200);
    expect(JSON.parse(body).results).toMatchObject([
      { draftId: "accepted", status: "accepted", eventId: 1 },
      { draftId: "new", status: "not_processed", code },
      { draftId: "later", status: "not_processed" },
    ]);
    const untouched: Submission = { key: "new-batch", mode: "sequential", drafts: [set("new"), accepted] };
    expect((await room.submit(alice, untouched)).body).toContain(`"${code}"`);
  });
});

// A drained partition has no connections.
const keepConnections = Object.keys(refusers).filter((refuser) => refusers[refuser]!.code !== "draining");

describe.each(keepConnections)("on a connection, while %s", (refuser) => {
  it("[BD-6] [ID-1] [WP-12] what was answered before gets the same bytes, also where a refused draft holds it back", async () => {
    const { room, first } = await prepared(refuser);
    const connection = await connected(room);
    const check = () => {
      for (const [title, submission] of Object.entries(answered)) {
        const [before] = first.get(title)!.socket;
        const [frame] = answersOn(connection, room, submission);
        // A refusal of a batch is an error, which names the request.
        expect(frame!.replace(/,"inReplyTo":.*/, "")).toBe(before!.replace(/,"inReplyTo":.*/, ""));
      }
    };
    check();
    expect(answersOn(connection, room, one(set("new")))[0]).toContain(`"code":"${refusers[refuser]!.code}"`);
    check();
  });
});

describe("a replay", () => {
  it("[BD-6] [WP-12] overtakes the draft that holds its connection back; a new draft does not", async () => {
    const room = new TestShell({ limits: { principal: { perSecond: 0.001, burst: 1 } } });
    await room.submit(alice, one(accepted));
    const connection = await connected(room);
    expect(answersOn(connection, room, one(set("held")))[0]).toContain("rate_limited");
    expect(answersOn(connection, room, one(accepted))[0]).toContain("event_accepted");
    expect(answersOn(connection, room, one(set("new")))[0]).toMatch(/Draft \\"held\\" was refused before/);
  });

  it("[BD-6] [TX-6] [AU-5] of a batch leaves a debt: one with more of them than a burst has is decided to its end", async () => {
    const room = new TestShell({ limits: { replays: { perSecond: 1, burst: 2 } } });
    const drafts = ["a", "b", "c", "d"].map((id) => set(id));
    for (const draft of drafts) await room.submit(alice, one(draft));
    const batch: Submission = { key: "batch", mode: "sequential", drafts: [...drafts, set("new")] };
    const { results } = JSON.parse((await room.submit(alice, batch)).body);
    expect(results.map(({ status }: { status: string }) => status)).toEqual(Array(5).fill("accepted"));
    expect((await room.submit(alice, one(set("a")))).body).toContain("asked for verdicts again");
    room.elapse(3_000);
    expect((await room.submit(alice, one(set("a")))).status).toBe(201);
  });

  it("[BD-6] comes after identity: a revoked or expired token gets no stored answer", async () => {
    const room = new TestPartition();
    room.partition.submit(alice, "phone", one(accepted), room.now);
    const outcome = room.partition.submit({ ...alice, expiresAt: room.now }, "phone", one(accepted), room.now);
    expect(outcome).toMatchObject({ kind: "refused", failure: { code: "auth_expired" } });
    room.partition.revoke(() => true, room.now);
    const revoked = room.partition.submit({ ...alice, expiresAt: room.now + 1 }, "phone", one(accepted), room.now);
    expect(revoked).toMatchObject({ kind: "refused", failure: { code: "auth_revoked" } });
  });

  it("[BD-6] has a rate of its own, whatever else refuses it", async () => {
    const rates = { principal: { perSecond: 0.001, burst: 1 }, replays: { perSecond: 0.001, burst: 1 } };
    const room = new TestShell({ limits: rates });
    await room.submit(alice, one(accepted));
    expect((await room.submit(alice, one(accepted))).status).toBe(201);
    expect(JSON.parse((await room.submit(alice, one(accepted))).body)).toMatchObject({
      code: "rate_limited",
      rateLimit: { policy: "replays" },
    });
  });

  it("[BD-6] is served when the queue is full, as long as its content can wait", async () => {
    const room = new TestShell();
    const first = await room.submit(alice, one(accepted));
    const bytes = 100;
    const ask = (submission: Submission) =>
      room.shell.submit(alice, "http", submission, bytes, { traceId: "e".repeat(32) });
    const waiting = Array.from({ length: 3 * bounds.queueWorkPerConnectionMax }, (_, at) =>
      ask(one(at % 2 === 0 ? accepted : set(`d${at}`))),
    );
    await new Promise((resolve) => setImmediate(resolve));
    for (let window = 0; window < 100; window++) room.elapse(0);
    const answers = await Promise.all(waiting);
    const queued = answers.slice(0, 2 * bounds.queueWorkPerConnectionMax);
    for (const [at, answer] of queued.entries()) if (at % 2 === 0) expect(answer).toEqual(first);
    const codes = (from: number) =>
      new Set(
        answers
          .slice(from)
          .filter((_, at) => at % 2 === 1)
          .map(({ status }) => status),
      );
    expect(codes(bounds.queueWorkPerConnectionMax + 100)).toEqual(new Set([503]));
    // Beyond that not even the answer could wait; still it is said that the same may be sent again.
    expect(JSON.parse(answers.at(-1)!.body)).toMatchObject({ code: "overloaded", retryable: true });
  });

  it("[BD-6] is answered in a window that has failed, though it is not tried by itself", () => {
    const room = new TestPartition({ wrap: (storage) => failing(storage) });
    const first = room.partition.submit(alice, "phone", one(accepted), room.now);
    const answers: unknown[] = [];
    const submissions = [one(set("bad-1")), one(set("bad-2")), one(accepted), one(set("new"))];
    room.partition.process(
      submissions.map((submission) => {
        const answer = (outcome: Parameters<typeof answerOutcome>[2]) =>
          void answers.push(answerOutcome("room", submission, outcome));
        return { author: alice, clientId: "phone", submission, answer };
      }),
      room.now,
    );
    expect(answers[2]).toEqual(answerOutcome("room", one(accepted), first));
    expect(answers[3]).toMatchObject({ status: 503 });
    const traces = [answers[1], answers[3]].map((answer) => JSON.parse((answer as { body: string }).body).traceId);
    expect(traces[1]).toBe(traces[0]);
  });

  it("[BD-6] a new draft that nothing refuses costs no look-up, by itself or as a batch of one", () => {
    const statements: string[] = [];
    const driver = new NodeSqlDriver();
    const query = driver.query.bind(driver);
    driver.query = (sql, ...values) => {
      statements.push(sql);
      return query(sql, ...values);
    };
    const room = new TestPartition({ driver: driver as SqlDriver });
    room.partition.submit(alice, "phone", one(set("first")), room.now);
    statements.length = 0;
    room.partition.submit(alice, "phone", one(set("second")), room.now);
    const batch: Submission = { key: "batch", mode: "sequential", drafts: [set("third")] };
    room.partition.submit(alice, "phone", batch, room.now);
    expect(statements).toEqual([]);
  });
});

/** A storage whose log refuses drafts named "bad…". */
function failing(storage: Ports["storage"]): Ports["storage"] {
  const transaction: Ports["storage"]["transaction"] = (now, body) =>
    storage.transaction(now, (writes) => {
      const events: StorageWrites["events"] = {
        announce: (keys) => writes.events.announce(keys),
        append(row) {
          if (row.draftId.startsWith("bad")) throw new Error("disk");
          return writes.events.append(row);
        },
      };
      return body({ ...writes, events });
    });
  return Object.assign(Object.create(storage) as Ports["storage"], {
    transaction,
    open: storage.open.bind(storage),
    table: storage.table.bind(storage),
  });
}

describe("every submission", () => {
  const keys = fc.constantFrom("a", "b", "c", "d");
  const draft = fc.record({ draftId: keys, value: fc.constantFrom(1, 2, null) }).map(({ draftId, value }): Draft =>
    // Without a value it has the wrong shape.
    value === null ? { draftId, event: { type: "set", payload: {} }, expectedEventId: undefined } : set(draftId, value),
  );
  const drafts = fc.uniqueArray(draft, { minLength: 1, maxLength: 4, selector: ({ draftId }) => draftId });
  const submission = fc
    .oneof(
      draft.map(one),
      fc.record({ key: fc.constantFrom("x", "y", "a"), mode: fc.constantFrom("atomic", "sequential"), drafts }),
    )
    .filter(
      ({ key, mode, drafts }) => mode === "single" || drafts.every(({ draftId }) => draftId !== key),
    ) as fc.Arbitrary<Submission>;

  it("[BD-6] [ID-1] [TX-6] that is decided gets the same bytes when it is sent again, at any time, over HTTP and on a connection", () => {
    fc.assert(
      fc.property(fc.array(submission, { minLength: 1, maxLength: 12 }), (submissions) => {
        const room = new TestPartition();
        const client = room.open(alice);
        client.connect("phone");
        const send = (asked: Submission) => {
          room.now += 1_000;
          const outcome = room.partition.submit(alice, "phone", asked, room.now);
          const messages =
            asked.mode === "single"
              ? client.send("submit_event", { ...asked.drafts[0]! })
              : client.send("submit_events", { batchId: asked.key, mode: asked.mode, events: asked.drafts });
          // A refusal names the request that it answers.
          const { inReplyTo: _, ...message } = messages[0];
          return { http: answerOutcome("room", asked, outcome), message: JSON.stringify(message) };
        };
        const before = submissions.map((asked) => ({ asked, answer: send(asked) }));
        for (const { asked, answer } of before) expect(send(asked)).toEqual(answer);
      }),
      { numRuns: 200 },
    );
  });
});
