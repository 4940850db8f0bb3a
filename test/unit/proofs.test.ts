import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { single, Subscription } from "../../src/core/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { weightOf } from "../../src/core/delivery/page.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { isHeld, pageTag, stateTag } from "../../src/wire/partita/etags.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";
import { temporaryFolder } from "../support/server.ts";
import { TestShell } from "../support/shell.ts";

const set = (value: number | string) => ({ target: "n", value });
const incarnation = (count: number) => count.toString(16).padStart(16, "0");
const codesOf = (messages: Message[]) => messages.map(({ type, payload }) => payload.code ?? type);

/** A log of seven events, and the same log restored from a copy of five of them, which has grown to eight. */
function restored(): { lost: TestPartition; room: TestPartition } {
  const folder = temporaryFolder("partita-proofs-");
  const lost = new TestPartition({ driver: new NodeSqlDriver(join(folder, "log")) });
  const grow = (of: TestPartition, from: number, to: number) => {
    const writer = of.client("writer");
    for (let at = from; at <= to; at++) {
      of.now += 10;
      writer.submit(`${of === lost ? "" : "later-"}d${at}`, "set", set(at));
    }
  };
  grow(lost, 1, 5);
  copyFileSync(join(folder, "log"), join(folder, "copy"));
  grow(lost, 6, 7);
  const room = new TestPartition({ driver: new NodeSqlDriver(join(folder, "copy")) });
  room.now += 1_000;
  room.restart();
  grow(room, 6, 8);
  return { lost, room };
}

/** What a client has of the last event that it received. */
function lastProof(connection: TestConnection): string | undefined {
  const messages = connection.frames.flatMap((frame) => [JSON.parse(frame) as Message].flat());
  return messages.findLast(({ payload }) => payload.proof !== undefined)?.payload.proof;
}

describe("a proof", () => {
  it("[WP-11] [BD-8] comes with everything that brings events, for those who ask", () => {
    const room = new TestPartition();
    const [asking, plain] = [room.client("a", { proofs: true }), room.client("b")];
    expect(asking.of("connected")[0].payload.proof).toBeUndefined();
    asking.submit("d1", "set", set(1));
    asking.send("submit_events", {
      batchId: "b",
      mode: "atomic",
      events: [{ draftId: "d2", event: { type: "set", payload: set(2) } }],
    });
    room.restart();
    const more = { proofs: true, sinceEventId: 0 };
    const late = room.client("c", more);
    late.submit("d3", "set", set(3));
    const [connected] = room.client("d", { proofs: true, initialState: true }).of("connected");
    const [first, second] = [incarnation(1), incarnation(2)];
    expect(asking.of("event_accepted")[0].payload).toMatchObject({ eventId: 1, proof: first });
    expect(asking.of("events_result")[0].payload.results[0]).toMatchObject({ eventId: 2, proof: first });
    expect(asking.of("broadcast").map(({ payload }) => payload.proof)).toEqual([first, first]);
    expect(late.of("connected")[0].payload).toMatchObject({ currentEventIndex: 2, proof: first });
    expect(late.of("sync_response")[0].payload).toMatchObject({ nextSinceEventId: 2, proof: first });
    expect(late.of("event_accepted")[0].payload.proof).toBe(second);
    expect(connected.payload).toMatchObject({ currentEventIndex: 3, proof: second });
    // A page without events has none, and no event of a page has one.
    const [page] = late.send("sync", { sinceEventId: 3 });
    expect(page.payload.proof).toBeUndefined();
    expect(late.of("sync_response")[0].payload.events[0].proof).toBeUndefined();
    for (const frame of plain.frames) expect(frame).not.toContain("proof");
  });

  it("[WP-11] [ID-1] a replay has the bytes of the first answer, with the proof and without", () => {
    const room = new TestPartition();
    for (const proofs of [true, false]) {
      const key = `d-${proofs}`;
      const answer = room.client("a", { proofs });
      answer.submit(key, "set", set(1));
      room.restart();
      const again = room.client("a", { proofs });
      again.submit(key, "set", set(1));
      expect(again.frames.at(-1)).toBe(answer.frames.at(-2));
    }
  });

  it("[WP-11] survives hibernation", () => {
    const room = new TestPartition();
    const asking = room.client("a", { proofs: true });
    room.restart();
    const woken = room.attach(asking.saved);
    woken.submit("d1", "set", set(1));
    expect(woken.of("broadcast")[0].payload.proof).toBe(incarnation(2));
  });

  it("[WP-10] listeners that receive the same events receive the same text", () => {
    const room = new TestPartition();
    const listeners = [true, true, false, false].flatMap((proofs) => [
      room.client("x", { proofs, frames: "array" }),
      room.client("x", { proofs }),
    ]);
    room.client("a").submit("d1", "set", set(1));
    const texts = listeners.map(({ frames }) => frames.at(-1)!);
    expect(new Set(texts).size).toBe(2);
    expect(texts.filter((text) => text.includes("proof"))).toHaveLength(4);
  });

  it("[WP-7] [LC-7] [MD-11] is within what an event is counted as", () => {
    const room = new TestPartition({ name: "p".repeat(128) });
    const a = room.client("c".repeat(128), { proofs: true });
    for (let at = 1; at <= 1_000; at++) a.submit(`d${at}`, "set", set(at));
    const rows = room.partition.events(0, 1_000, room.now).events;
    const sizes = a.frames.flatMap((frame) => (frame.includes('"broadcast"') ? [Buffer.byteLength(frame)] : []));
    expect(sizes).toHaveLength(1_000);
    for (const [at, row] of rows.entries()) expect(sizes[at]).toBeLessThanOrEqual(weightOf(row));
  });

  it.each([
    [{ proof: "" }, "payload.proof"],
    [{ proof: 7 }, "payload.proof"],
    [{ proofs: "yes" }, "payload.proofs"],
  ])("[WP-8] %j is refused", (more, field) => {
    const [answer] = new TestPartition().open().connect("a", more);
    expect(answer.payload).toMatchObject({ code: "bad_request", errors: [{ field }] });
  });
});

describe("a log that was restored from a copy, and has grown past a client's cursor", () => {
  it("[WP-11] [BD-8] is refused to who proves an event of the lost part, and not to who proves a common one", () => {
    const { lost, room } = restored();
    const proofOf = (eventId: number) => lastProof(lost.client("a", { proofs: true, sinceEventId: eventId - 1 }))!;
    const ask = (eventId: number, proof?: string) =>
      room.client("a", { proofs: true, sinceEventId: eventId, ...(proof === undefined ? {} : { proof }) });
    expect(codesOf([ask(7, proofOf(7)).frames.map((frame) => JSON.parse(frame))].flat())).toEqual(["log_replaced"]);
    expect(ask(5, incarnation(1)).received).toEqual(["connected", "page"]);
    // Who proves nothing is served as before: those are clients of the version before.
    expect(ask(7).received).toEqual(["connected", "page"]);
    expect(ask(0, "anything").received).toEqual(["connected", "page"]);
    // Refused, it is not connected, and may connect with the state.
    const client = ask(7, proofOf(7));
    expect(client.connect("a", { initialState: true })[0].type).toBe("connected");
    const [refused] = client.send("sync", { sinceEventId: 6, proof: proofOf(6) });
    expect(refused.payload).toMatchObject({ code: "log_replaced", status: 409, retryable: false });
    const [page] = client.send("sync", { sinceEventId: 5, proof: incarnation(1) });
    expect(page.payload.events.map(({ eventId }: Message) => eventId)).toEqual([6, 7, 8]);
  });

  it("[WP-11] the time of an event is a proof, too: a reader has it with each event", () => {
    const { lost, room } = restored();
    const [page] = lost.client("a").send("sync", { sinceEventId: 0 });
    const proof = (eventId: number) => `t${page.payload.events[eventId - 1].event.timestamp}`;
    expect(room.client("a", { sinceEventId: 5, proof: proof(5) }).received).toEqual(["connected", "page"]);
    expect(room.client("a", { sinceEventId: 6, proof: proof(6) }).received).toEqual(["error"]);
  });

  it("[WP-11] [OB-5] has other ETags from the lost part on, and the same before", () => {
    const { lost, room } = restored();
    const tags = (of: TestPartition, at: number) => stateTag(of.partition.standing(of.now, at), at);
    expect([5, 6, 7].map((at) => tags(lost, at) === tags(room, at))).toEqual([true, false, false]);
    const before = pageTag(lost.partition.standing(lost.now));
    // At the same head as the lost one.
    const { room: same } = restored();
    expect(isHeld(before, pageTag({ ...same.partition.standing(same.now, 7), head: 7 }))).toBe(false);
    expect(isHeld(before, before)).toBe(true);
  });

  it("[WP-11] [WP-5] ends a subscription that proves an event of the lost part", () => {
    const { lost, room } = restored();
    const read = (proof: string | undefined) => {
      const calls: unknown[] = [];
      const by = { principal: "reader", permissions: "all" as const };
      const subscription = new Subscription(by, { eventId: 7, proof }, 1e6, {
        started: (...start) => calls.push(start.slice(1)),
        deliver: (events) => calls.push(...events.map(({ eventId }) => eventId)),
        behind: () => {},
        ended: ({ code }) => calls.push(code),
      });
      room.partition.attach(subscription, room.now);
      room.partition.process([{ subscription }], room.now);
      return calls;
    };
    expect(read(lastProof(lost.client("a", { proofs: true, initialState: true })))).toEqual(["log_replaced"]);
    expect(read(incarnation(2))).toEqual([[7, 8, incarnation(2)], 8]);
    expect(read(undefined)).toEqual([[7, 8, incarnation(2)], 8]);
  });

  it("[WP-11] [WP-7] a page that begins with a snapshot has the proof of its last event", () => {
    const room = new TestPartition();
    const writer = room.client("writer");
    for (let at = 1; at <= 1_500; at++) writer.submit(`d${at}`, "set", set("x".repeat(50)));
    room.runDue();
    const [page] = room.client("a", { proofs: true }).send("sync", { limit: 1 });
    expect(page.payload.snapshot.eventIndex).toBeGreaterThan(0);
    expect(page.payload.proof).toBe(incarnation(1));
  });

  it("[WP-11] [OB-5] [CL-10] a state over HTTP says of which log it is, to who asks, so that a client goes on from it", async () => {
    const room = new TestShell();
    const context = { traceId: "a".repeat(32) };
    const read = async (at: number | undefined, proofs: boolean) =>
      JSON.parse((await room.shell.readState(at, context, proofs)).body as string);
    expect(await read(undefined, true)).toEqual({ state: {}, eventIndex: 0, modelVersion: insieme.version });
    const author = { principal: "user:a", permissions: "all" } as const;
    for (const [draftId, value] of [
      ["d1", 1],
      ["d2", 2],
    ] as const) {
      const event = { type: "set", payload: set(value) };
      await room.submit(author, single({ draftId, event, expectedEventId: undefined }));
    }
    const common = { serverId: expect.stringMatching(/^log-/), modelVersion: insieme.version };
    expect(await read(undefined, true)).toEqual({ state: { n: 2 }, eventIndex: 2, ...common, proof: incarnation(1) });
    expect(await read(1, true)).toEqual({ state: { n: 1 }, eventIndex: 1, ...common, proof: incarnation(1) });
    expect(await read(1, false)).toEqual({ state: { n: 1 }, eventIndex: 1 });
  });
});
