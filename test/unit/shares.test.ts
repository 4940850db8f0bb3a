import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import { type Author, bounds, defaultLimits, noLimits } from "../../src/protocol/index.ts";
import { EventSink, type StreamBody } from "../../src/shell/event-sink.ts";
import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import { TestPartition } from "../support/partition.ts";
import { generousTenant, TestShell, turn } from "../support/shell.ts";

// What one principal could fill alone, so that others have no place.

const authorOf = (principal: string): Author => ({ principal, permissions: ["*"], expiresAt: 1_800_000_000_000 });

describe("the streams of a principal", () => {
  const opening = (connectionsPerPrincipal: number | null) => {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const end = async () => resolve();
    const openBody = (): StreamBody => ({
      readable: new ReadableStream(),
      writer: { write: async () => {}, close: end, abort: end, closed },
    });
    const { shell } = new TestShell({ tenant: generousTenant, limits: { connectionsPerPrincipal }, openBody });
    return async (principal: string, kind: "events" | "connection") => {
      const answer: EventSink | HttpAnswer = await shell.stream({ kind, author: authorOf(principal) }, undefined);
      return answer instanceof EventSink ? "open" : { ...answer, body: JSON.parse(answer.body) };
    };
  };

  it("[BD-4] [MD-11] are a part of those of the partition, of both kinds together", async () => {
    const open = opening(64);
    for (let at = 0; at < bounds.streamsPerPrincipalMax; at++) {
      expect(await open("alice", at % 2 === 0 ? "events" : "connection")).toBe("open");
    }
    for (const kind of ["events", "connection"] as const) {
      expect(await open("alice", kind)).toMatchObject({
        status: 429,
        headers: { "retry-after": "30" },
        body: {
          code: "too_many_connections",
          detail: expect.stringContaining(`${bounds.streamsPerPrincipalMax} streams of yours`),
        },
      });
      expect(await open("bob", kind)).toBe("open");
    }
  });

  it("[BD-4] are not limited where a tenant has lifted the limit of connections: a principal can stand for many people", async () => {
    const open = opening(null);
    for (let at = 0; at < bounds.streamsMax; at++) expect(await open("everyone", "connection")).toBe("open");
    expect(await open("bob", "events")).toMatchObject({ body: { code: "too_many_connections" } });
  });
});

describe("what waits for readers that do not read", () => {
  it("[BD-2] [LC-7] is bounded for all connections over HTTP together, and each reader gets its pages", async () => {
    const ids: string[] = [];
    const openBody = (): StreamBody => {
      let written = 0;
      const write = async (bytes: Uint8Array) => {
        if (written++ === 0) ids.push(/"connectionId":"([^"]+)"/.exec(new TextDecoder().decode(bytes))![1]!);
        // From here on it reads nothing.
        else await new Promise(() => {});
      };
      const none = async () => {};
      return {
        readable: new ReadableStream(),
        writer: { write, close: none, abort: none, closed: new Promise(() => {}) },
      };
    };
    const room = new TestShell({ tenant: generousTenant, openBody });
    const value = "x".repeat(60_000);
    const events = 60;
    for (let at = 0; at < events; at++) {
      const event = { type: "set", payload: { target: "n", value } };
      await room.submit(authorOf("writer"), single({ draftId: `d${at}`, event, expectedEventId: undefined }));
    }
    const waiting: (() => number)[] = [];
    const frame = (type: string, payload: object) => JSON.stringify({ id: type, type, timestamp: 1, payload });
    for (let at = 0; at < bounds.streamsMax; at++) {
      const author = authorOf(`reader-${at}`);
      const sink = (await room.shell.stream({ kind: "connection", author }, undefined)) as EventSink;
      waiting.push(() => sink.waitingUnits);
      await turn();
      const asking = [1, 2, 3, 4].map(() => frame("sync", { sinceEventId: 0, limit: 1_000 }));
      const frames = [frame("connect", { clientId: "c", version: "1" }), ...asking];
      expect((await room.shell.postFrames(ids[at]!, author, 0, frames, "f".repeat(32))).status).toBe(202);
      room.elapse(1);
      await turn();
      expect(sink.waitingUnits).toBeGreaterThan(0);
    }
    const sum = waiting.reduce((total, units) => total + units(), 0);
    // A page of the least size each, which can be exceeded by an event.
    expect(sum).toBeLessThan(bounds.streamsUnreadMax + bounds.streamsMax * (bounds.streamPageBytesMin + value.length));
  });
});

describe("the peers of a principal", () => {
  it("[BD-4] [CL-8] are a part of those of the partition: others find a place", () => {
    const shownOf = (connectionsPerPrincipal: number | null) => {
      const room = new TestPartition();
      room.partition.limit({ ...noLimits, connectionsPerPrincipal });
      const join = (principal: string, at: number) => {
        const connection = room.open(authorOf(principal));
        connection.connect(`${principal}-${at}`, { presence: true });
        connection.send("presence", { state: { at } });
        room.elapse(100);
        return connection;
      };
      for (let at = 0; at < bounds.peersMax + 4; at++) join("alice", at);
      const [first] = join("bob", 1).of("presence");
      const watcher = join("watcher", 1);
      expect(first.payload.all).toBe(true);
      const [{ payload }] = watcher.of("presence");
      return payload.peers.map(({ clientId }: { clientId: string }) => clientId) as string[];
    };
    const limited = shownOf(defaultLimits.connectionsPerPrincipal);
    expect(limited).toHaveLength(bounds.peersPerPrincipalMax + 1);
    expect(limited).toContain("bob-1");
    expect(shownOf(null)).toHaveLength(bounds.peersMax);
  });
});
