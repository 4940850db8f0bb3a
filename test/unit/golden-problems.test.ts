import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { AnyModel } from "../../src/model/index.ts";
import {
  type Author,
  bounds,
  type ErrorCode,
  errorStatuses,
  type Failure,
  isRetryable,
  noLimits,
} from "../../src/protocol/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import { type TestConnection, TestPartition } from "../support/partition.ts";
import { postBatch, postDraft, type PostedBy, type PostedDraft, renderings } from "../support/rendering.ts";
import { counter } from "../workerd/models.ts";

// The exact bytes that clients receive and that partitions have stored. A difference here breaks clients, or a
// replay of what is stored: the data is never changed to fit the code. A new error code adds an entry.
const golden = JSON.parse(readFileSync(new URL("../fixtures/golden-problems.json", import.meta.url), "utf8")) as Golden;

interface Golden {
  codes: Record<string, Record<string, HttpAnswer | string>>;
  exchanges: Record<string, (HttpAnswer | string)[]>;
}

/** The members that failures of this code carry, in the order in which they are built. */
const extensions: Partial<Record<ErrorCode, Partial<Failure>>> = {
  bad_request: { errors: [{ field: "payload.events[1].draftId", code: "custom", message: 'Say "why" – in UTF-8.' }] },
  cursor_ahead: { currentEventIndex: 41 },
  validation_failed: {
    layer: "schema",
    errors: [
      { field: "payload.items[2].id", code: "SCHEMA", message: "Invalid input: expected string" },
      { field: "payload.by", code: "SCHEMA", message: "This field is not known here." },
    ],
  },
  unknown_event_type: { layer: "schema", errors: [{ field: "type", code: "SCHEMA", message: "Unknown." }] },
  forbidden: { layer: "permission" },
  conflict: {
    layer: "conflict",
    conflictingEventIds: [3, 5, 8],
    errors: [{ field: "expectedEventId", code: "STALE", message: "Event 3 came first." }],
  },
  too_stale: { layer: "conflict" },
  invariant_violated: { layer: "invariant", errors: [{ field: "", code: "INVARIANT", message: "Never negative." }] },
  draft_too_expensive: { work: { counted: 50_001, max: 50_000 } },
  rebuilding: { rebuilding: { eventId: 5_000, of: 1_000_000 } },
  rate_limited: { retryAfter: 7, rateLimit: { policy: "event-type", quota: 400, windowSeconds: 20 } },
};

function failureOf(code: ErrorCode): Failure {
  const passing = isRetryable(code) ? { retryAfter: 2 } : {};
  return { code, detail: `What to do about "${code}".`, ...passing, ...extensions[code] };
}

const name = "counter-1";
const author: Author = { principal: "alice", permissions: "all" };
const by: PostedBy = { author, clientId: "http", traceId: "4bf92f3577b34da6a3ce929d0e0e4736" };
const add = (draftId: string, amount: unknown, more: object = {}): PostedDraft => ({
  draftId,
  event: { type: "add", payload: { by: amount }, version: 2, ...more } as PostedDraft["event"],
});
const put = (draftId: string, key: string, expectedEventId?: unknown): PostedDraft => ({
  draftId,
  event: { type: "put", payload: { key, value: 1 } },
  expectedEventId,
});

/** A partition whose every write fails when `full` is set. */
class FullDriver extends NodeSqlDriver {
  full = false;
  override transaction<T>(body: () => T): T {
    return super.transaction(() => {
      const result = body();
      if (this.full) throw new Error("the disk is full");
      return result;
    });
  }
}

class Exchange {
  readonly driver = new FullDriver();
  readonly room = new TestPartition({ model: counter as AnyModel, name, driver: this.driver });
  /** Everything that was received, in order. */
  readonly received: (HttpAnswer | string)[] = [];

  client(clientId: string, permissions: Author["permissions"] = "all"): TestConnection {
    const connection = this.room.open({ principal: clientId, permissions });
    connection.connect(clientId);
    return connection;
  }

  /** Sends a frame, and keeps everything that the connection receives for it. */
  send(connection: TestConnection, type: string, payload: object): void {
    this.keep(connection, () => connection.send(type, payload));
  }

  raw(connection: TestConnection, frame: string | ArrayBuffer): void {
    this.keep(connection, () => connection.raw(frame));
  }

  keep(connection: TestConnection, step: () => unknown): void {
    const before = connection.frames.length;
    step();
    this.received.push(...connection.frames.slice(before));
  }

  submit(connection: TestConnection, ...drafts: PostedDraft[]): void {
    for (const draft of drafts) {
      this.room.now += 1;
      this.send(connection, "submit_event", draft);
    }
  }

  batch(connection: TestConnection, batchId: string, mode: "atomic" | "sequential", events: PostedDraft[]): void {
    this.room.now += 1;
    this.send(connection, "submit_events", { batchId, mode, events });
  }

  post(...drafts: PostedDraft[]): void {
    for (const draft of drafts) {
      this.room.now += 1;
      this.received.push(postDraft(this.room, name, by, draft));
    }
  }

  postBatch(batchId: string, mode: "atomic" | "sequential", drafts: PostedDraft[]): void {
    this.room.now += 1;
    this.received.push(postBatch(this.room, name, by, { batchId, mode, drafts }));
  }

  /** Everything that was received, then what is stored. How many trace ids were drawn before is not of interest: they are numbered. */
  transcript(): (HttpAnswer | string)[] {
    const stored = this.driver
      .query(
        "SELECT record_id, principal, draft_id, fingerprint, problem, created_at FROM idempotency_records ORDER BY record_id",
      )
      .map((row) => {
        const { record_id, principal, draft_id, created_at } = row;
        const [fingerprint, problem] = [row["fingerprint"], row["problem"]].map((blob) =>
          Buffer.from(blob as Uint8Array),
        );
        return `${record_id} ${principal} ${draft_id} ${created_at} ${fingerprint!.toString("hex")} ${problem!.toString()}`;
      });
    const numbers = new Map<string, string>();
    const text = JSON.stringify([...this.received, ...stored]).replaceAll(/0{16}[0-9a-f]{16}/g, (drawn) => {
      if (!numbers.has(drawn)) numbers.set(drawn, `<trace ${numbers.size + 1}>`);
      return numbers.get(drawn)!;
    });
    return JSON.parse(text) as (HttpAnswer | string)[];
  }
}

/** Drafts of every way to be accepted or rejected. */
const drafts: PostedDraft[] = [
  add("accepted", 5),
  { draftId: "noted", event: { type: "note", payload: { text: "Größe \u2028 😀" } } },
  put("put", "a", 2),
  add("schema", "five", { more: true }),
  { draftId: "no-payload", event: { type: "add" } as PostedDraft["event"] },
  { draftId: "future", event: { type: "add", payload: { by: 1 }, version: 2 }, expectedEventId: 99 },
  { draftId: "type", event: { type: "fly", payload: {} } },
  add("version", 1, { version: 9 }),
  add("partition", 1, { partition: "other" }),
  put("precondition", "a"),
  { draftId: "rule", event: { type: "note", payload: { text: "Größe \u2028 😀" } } },
  add("invariant", -99),
  { draftId: "fault", event: { type: "explode", payload: { in: "validate" } } },
];

const exchanges: Record<string, (exchange: Exchange) => void> = {
  "drafts on a socket, their replays, and another content under their keys": (exchange) => {
    const alice = exchange.client("alice");
    exchange.submit(alice, ...drafts);
    exchange.room.restart();
    const again = exchange.client("alice");
    exchange.submit(again, ...drafts);
    exchange.submit(again, add("accepted", 6), add("schema", 6));
  },
  "drafts over HTTP, their replays, and another content under their keys": (exchange) => {
    exchange.post(...drafts);
    exchange.room.restart();
    exchange.post(...drafts, add("accepted", 6), add("schema", 6));
  },
  "a verdict on a socket, asked for again over HTTP": (exchange) => {
    exchange.submit(exchange.client("alice"), add("accepted", 5), add("rejected", -99));
    exchange.post(add("accepted", 5), add("rejected", -99));
  },
  "conflicts and permissions": (exchange) => {
    exchange.client("bob").submit("b1", "put", { key: "a", value: 1 }, { expectedEventId: 0 });
    exchange.client("carol").submit("c1", "put", { key: "b", value: 1 }, { expectedEventId: 0 });
    exchange.client("bob").submit("b2", "put", { key: "a", value: 2 }, { expectedEventId: 2 });
    exchange.submit(exchange.client("alice"), put("conflict", "a", 0));
    exchange.post(put("conflict", "a", 0), put("conflict-http", "a", 2));
    const guest = exchange.client("guest", ["add"]);
    exchange.submit(guest, { draftId: "forbidden", event: { type: "note", payload: { text: "x" } } });
  },
  "an expectedEventId that is too old": (exchange) => {
    const bob = exchange.client("bob");
    for (let at = 0; at <= bounds.conflictEventsMax; at++) bob.submit(`b${at}`, "add", { by: 1 }, { version: 2 });
    exchange.submit(exchange.client("alice"), put("stale", "a", 0));
  },
  "atomic batches on a socket": (exchange) => {
    const alice = exchange.client("alice");
    const accepted = [add("d1", 5), add("d2", -3)];
    const rejected = [add("d3", 5), add("d4", -9), add("d5", "x"), add("d1", 5), add("d6", 1)];
    exchange.batch(alice, "accepted", "atomic", accepted);
    exchange.batch(alice, "rejected", "atomic", rejected);
    exchange.room.restart();
    const again = exchange.client("alice");
    exchange.batch(again, "accepted", "atomic", accepted);
    exchange.batch(again, "rejected", "atomic", rejected);
    exchange.batch(again, "rejected", "atomic", accepted);
    exchange.batch(again, "fault", "atomic", [{ draftId: "f", event: { type: "explode", payload: { in: "reduce" } } }]);
  },
  "atomic batches over HTTP": (exchange) => {
    const accepted = [add("d1", 5), add("d2", -3)];
    const rejected = [add("d3", 5), add("d4", -9), put("d5", "a"), add("d1", 5), add("d6", 1)];
    for (let attempt = 1; attempt <= 2; attempt++) {
      exchange.postBatch("accepted", "atomic", accepted);
      exchange.postBatch("rejected", "atomic", rejected);
      exchange.room.restart();
    }
    exchange.postBatch("accepted", "atomic", rejected);
  },
  "sequential batches": (exchange) => {
    const members = [add("d1", 5), add("d2", -9), add("d3", 1)];
    exchange.batch(exchange.client("alice"), "b", "sequential", members);
    exchange.postBatch("b", "sequential", members);
    exchange.postBatch("fault", "sequential", [
      { draftId: "f1", event: { type: "explode", payload: { in: "reduce" } } },
      add("f2", 1),
    ]);
  },
  rates: (exchange) => {
    const { room } = exchange;
    room.partition.limit({ ...noLimits, principal: { perSecond: 0.5, burst: 2 }, replays: { perSecond: 1, burst: 1 } });
    const alice = exchange.client("alice");
    exchange.batch(alice, "cut-short", "sequential", [add("d1", 1), add("d2", 1), add("d3", 1)]);
    exchange.submit(alice, add("held-back", 1));
    exchange.batch(exchange.client("alice"), "too-many", "atomic", [add("d4", 1), add("d5", 1)]);
    exchange.post(add("d1", 1), add("d1", 1), add("d6", 1));
    exchange.postBatch("too-many", "atomic", [add("d4", 1)]);
    room.partition.limit({ ...noLimits, eventTypes: { add: { perSecond: 1, burst: 1 } } });
    exchange.submit(exchange.client("bob"), add("e1", 1), add("e2", 1));
  },
  "a storage that fails": (exchange) => {
    const alice = exchange.client("alice");
    exchange.submit(alice, add("d1", 1));
    exchange.driver.full = true;
    exchange.submit(alice, add("d2", 1), add("held-back", 1));
    exchange.post(add("d3", 1));
    exchange.postBatch("b", "atomic", [add("d4", 1)]);
  },
  "frames that are not commands": (exchange) => {
    const { room } = exchange;
    const alice = exchange.client("alice");
    alice.submit("first", "add", { by: 1 }, { version: 2 });
    exchange.send(room.open(), "sync", { sinceEventId: 0 });
    exchange.submit(room.open(), add("d1", 1));
    exchange.send(alice, "connect", { clientId: "alice", version: "1" });
    exchange.raw(alice, "{");
    exchange.raw(alice, '{"id":"m1","type":"heartbeat","timestamp":1,"timestamp":1,"payload":{"__proto__":1}}');
    exchange.raw(alice, "[]");
    exchange.raw(alice, new ArrayBuffer(3));
    exchange.raw(alice, `"${"x".repeat(bounds.frameBytesMax)}"`);
    exchange.send(alice, "fly", {});
    exchange.send(alice, "submit_event", { draftId: "d1", event: { type: 7 } });
    exchange.send(alice, "submit_events", { batchId: "b", mode: "both", events: [add("b", 1)] });
    exchange.send(alice, "sync", { sinceEventId: 7 });
    exchange.send(alice, "sync", { sinceEventId: 0, partition: "other" });
    exchange.send(alice, "presence", { state: {} });
    exchange.send(alice, "renew", { token: "t" });
    const connect = { clientId: "bob", version: "1" };
    exchange.send(room.open(), "connect", { ...connect, modelVersion: 2 });
    exchange.send(room.open(), "connect", { ...connect, partition: "other" });
    exchange.send(room.open(), "connect", { ...connect, initialState: true, sinceEventId: 0 });
    exchange.send(room.open(), "connect", { ...connect, sinceEventId: 7 });
    exchange.send(room.open(), "connect", { version: "" });
  },
  "connections that end": (exchange) => {
    const { room } = exchange;
    exchange.client("bob").submit("first", "add", { by: 1 }, { version: 2 });
    const expiring = room.open({ ...author, expiresAt: room.now + 1_000 });
    expiring.connect("alice");
    room.now += 1_000;
    exchange.submit(expiring, add("late", 1));
    exchange.keep(expiring, () => room.partition.expire(room.now));
    const revoked = exchange.client("mallory");
    exchange.keep(revoked, () => room.partition.revoke(({ principal }) => principal === "mallory", room.now));
    exchange.submit(revoked, add("revoked", 1));
    const drained = exchange.client("alice");
    exchange.keep(drained, () => room.partition.drain(() => 1_234, room.now));
    exchange.submit(drained, add("drained", 1));
  },
};

describe("golden bytes", () => {
  it("[ER-4] every error code has an entry", () => {
    expect(Object.keys(golden.codes)).toEqual(Object.keys(errorStatuses));
  });

  it.each(Object.keys(errorStatuses) as ErrorCode[])(
    "[ER-1] [ER-2] %s keeps its bytes in every form that a client receives",
    (code) => {
      expect(renderings(failureOf(code))).toEqual(golden.codes[code]);
    },
  );

  it.each(Object.keys(exchanges))("[ER-1] [ER-2] [ID-1] %s keep their bytes", (title) => {
    const exchange = new Exchange();
    exchanges[title]!(exchange);
    expect(exchange.transcript()).toEqual(golden.exchanges[title]);
  });
});
