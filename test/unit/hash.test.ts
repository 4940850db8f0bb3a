import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { Work } from "../../src/core/window/work.ts";
import type { Command } from "../../src/core/index.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { WeighedState } from "../../src/model/weighed-state.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import { bounds } from "../../src/protocol/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { type Message, type TestConnection, TestPartition } from "../support/partition.ts";

const hashOf = (state: unknown) =>
  createHash("sha256")
    .update(canonicalJson(state as never))
    .digest("hex");

let requests = 0;
const ask = (room: TestPartition, { session }: TestConnection, type: string, payload: object): Work => {
  const frame = JSON.stringify({ id: `q-${++requests}`, type, timestamp: 1, payload });
  return { session, command: room.codec.decode(frame) as Command };
};
const set = (draftId: string) => ({ draftId, event: { type: "set", payload: { target: draftId, value: 1 } } });

describe("hash", () => {
  it("[CL-7] is SHA-256 of the canonical JSON of the state at the head", () => {
    const room = new TestPartition();
    const a = room.client("a");
    expect(a.send("hash", {})[0]).toEqual({
      id: "re-m-2",
      type: "hash",
      timestamp: room.now,
      payload: { eventIndex: 0, sha256: createHash("sha256").update("{}").digest("hex") },
      inReplyTo: "m-2",
    });
    a.submit("d1", "set", { target: "é", value: { b: [1.5, null], a: "x" } });
    expect(a.send("hash", {})[0].payload).toEqual({
      eventIndex: 1,
      sha256: createHash("sha256").update('{"é":{"a":"x","b":[1.5,null]}}').digest("hex"),
    });
    a.submit("d2", "set", { target: "é", value: 2 });
    expect(a.send("hash", {})[0].payload).toEqual({ eventIndex: 2, sha256: hashOf(room.state()) });
    // Folded from the log it is the same as in memory.
    room.restart();
    expect(room.client("b").send("hash", {})[0].payload).toEqual({ eventIndex: 2, sha256: hashOf({ é: 2 }) });
  });

  it("[CL-7] [LC-3] opens no transaction, and needs a connect first", () => {
    let transactions = 0;
    class Counting extends NodeSqlDriver {
      override transaction<T>(body: () => T): T {
        transactions++;
        return super.transaction(body);
      }
    }
    const room = new TestPartition({ driver: new Counting() });
    expect(room.open().send("hash", {})[0].payload.code).toBe("not_connected");
    expect(room.client("a").send("hash", {})[0].payload.eventIndex).toBe(0);
    expect(transactions).toBe(0);
  });

  it("[CL-7] serialises the state once for each head, for any number of requests", () => {
    const room = new TestPartition();
    const [a, b] = [room.client("a"), room.client("b")];
    const stringify = vi.spyOn(WeighedState.prototype, "canonical");
    for (const at of [1, 2, 3]) {
      a.submit(`d${at}`, "set", { target: "n", value: at });
      for (const connection of [a, b, a]) connection.send("hash", {});
      expect(stringify).toHaveBeenCalledTimes(at);
    }
    stringify.mockRestore();
  });

  it("[BD-1] [BD-5] of a large state is made once a second at most: in between, the answer is the last one", () => {
    const room = new TestPartition();
    const [a, b] = [room.client("a"), room.client("b")];
    for (let at = 1; at <= 17; at++) a.submit(`d${at}`, "set", { target: `t${at}`, value: "x".repeat(60_000) });
    const canonical = vi.spyOn(WeighedState.prototype, "canonical");
    const first = a.send("hash", {})[0].payload;
    expect(first).toEqual({ eventIndex: 17, sha256: hashOf(room.state()) });
    b.submit("d18", "set", { target: "n", value: 1 });
    for (const connection of [a, b, a]) expect(connection.send("hash", {})[0].payload).toEqual(first);
    // The state has about half of the bytes that are hashed in a second.
    const waitMs = Math.floor((17 * 60_010) / (bounds.hashStateBytesMax / 1_000));
    room.now += waitMs - 1;
    expect(a.send("hash", {})[0].payload).toEqual(first);
    room.now += 3;
    expect(a.send("hash", {})[0].payload).toEqual({ eventIndex: 18, sha256: hashOf(room.state()) });
    b.submit("d19", "set", { target: "n", value: 2 });
    // A clock that is set back does not make it wait for longer.
    room.now -= 60_000;
    expect(a.send("hash", {})[0].payload).toEqual({ eventIndex: 19, sha256: hashOf(room.state()) });
    expect(canonical).toHaveBeenCalledTimes(3);
    canonical.mockRestore();
  });

  it("[BD-1] of a state that is too large is refused, and made again when the state is smaller", () => {
    const room = new TestPartition();
    const a = room.client("a");
    const count = Math.ceil(bounds.hashStateBytesMax / 60_000) + 1;
    for (let at = 1; at <= count; at++) a.submit(`d${at}`, "set", { target: `t${at}`, value: "x".repeat(60_000) });
    const canonical = vi.spyOn(WeighedState.prototype, "canonical");
    expect(a.send("hash", {})[0]).toMatchObject({
      type: "error",
      payload: { code: "too_expensive", status: 422, retryable: false },
    });
    for (let at = 1; at <= 5; at++) a.submit(`u${at}`, "unset", { target: `t${at}` });
    // It is looked at again after a second.
    expect(a.send("hash", {})[0].payload.code).toBe("too_expensive");
    expect(canonical).not.toHaveBeenCalled();
    canonical.mockRestore();
    room.now += 1_000;
    expect(a.send("hash", {})[0].payload).toEqual({ eventIndex: count + 5, sha256: hashOf(room.state()) });
  });

  it("[CL-7] [LC-8] is refused if the log cannot be folded", () => {
    const room = new TestPartition();
    room.client("a").submit("d", "set", { target: "n", value: 1 });
    const broken = {
      ...insieme,
      eventType: (type: string) => ({
        ...insieme.eventType(type)!,
        reduce: () => {
          throw new Error("no");
        },
      }),
    };
    room.restart(broken as unknown as AnyModel);
    expect(room.client("a").send("hash", {})[0]).toMatchObject({
      type: "error",
      payload: { code: "quarantined", retryable: true },
    });
  });

  it("[CL-7] [WP-12] is sent in order: after the events that it includes and before all later ones", () => {
    const room = new TestPartition();
    const [a, b] = [room.client("a"), room.client("b")];
    a.frames.length = 0;
    room.partition.process(
      [
        ask(room, b, "submit_event", set("d1")),
        ask(room, a, "heartbeat", {}),
        ask(room, a, "hash", {}),
        ask(room, a, "submit_event", set("d2")),
        ask(room, b, "submit_event", set("d3")),
        ask(room, a, "hash", {}),
        ask(room, a, "heartbeat", {}),
        ask(room, b, "submit_event", set("d4")),
      ],
      room.now,
    );
    const sent = a.frames.map((frame) => {
      const { type, payload } = JSON.parse(frame) as Message;
      return `${type} ${payload.eventId ?? payload.eventIndex ?? ""}`.trim();
    });
    expect(sent).toEqual([
      "heartbeat",
      "broadcast 1",
      "hash 1",
      "event_accepted 2",
      "broadcast 2",
      "broadcast 3",
      "hash 3",
      "heartbeat",
      "broadcast 4",
    ]);
  });

  it("[CL-7] [WP-5] with any windows, the fold of a live client has this hash", () => {
    type Step = { who: number; what: "submit" | "atomic" | "hash" | "heartbeat" };
    const step: fc.Arbitrary<Step> = fc.record({
      who: fc.nat(3),
      what: fc.constantFrom("submit", "submit", "atomic", "hash", "hash", "heartbeat"),
    });
    fc.assert(
      fc.property(fc.array(fc.array(step, { minLength: 1, maxLength: 10 }), { maxLength: 10 }), (windows) => {
        const room = new TestPartition();
        const clients = [0, 1, 2, 3].map((at) => ({
          connection: room.client(`c${at}`, {
            echo: at % 2 === 0,
            ...(at > 1 ? { frames: "array", credit: 64 * 1024 } : {}),
          }),
          folded: new Map<string, unknown>(),
        }));
        let drafts = 0;
        let hashes = 0;
        const fold = ({ folded }: (typeof clients)[number], event: Message) =>
          folded.set(event.payload.target, event.payload.value);
        for (const steps of windows) {
          const work = steps.map(({ who, what }) => {
            const { connection } = clients[who]!;
            if (what === "submit") return ask(room, connection, "submit_event", set(`d${drafts++}`));
            if (what !== "atomic") return ask(room, connection, what, {});
            const events = [set(`d${drafts++}`), set(`d${drafts++}`)];
            return ask(room, connection, "submit_events", { batchId: `b${drafts++}`, mode: "atomic", events });
          });
          room.partition.process(work, room.now);
          for (const client of clients) {
            const { echo } = client.connection.session.state.client!;
            for (const { type, payload } of client.connection.frames.splice(0).flatMap((frame) => {
              return [JSON.parse(frame) as Message].flat();
            })) {
              if (type === "broadcast" || (type === "event_accepted" && !echo)) fold(client, payload.event);
              if (type === "events_result" && !echo) for (const { event } of payload.results) fold(client, event);
              if (type !== "hash") continue;
              expect(hashOf(Object.fromEntries(client.folded))).toBe(payload.sha256);
              expect(client.folded.size).toBe(payload.eventIndex);
              hashes++;
            }
          }
        }
        expect(hashes).toBe(windows.flat().filter(({ what }) => what === "hash").length);
      }),
      { numRuns: 200 },
    );
  });
});
