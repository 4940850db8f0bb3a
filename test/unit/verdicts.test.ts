import { describe, expect, it } from "vitest";
import { single } from "../../src/core/index.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import type { SqlDriver } from "../../src/storage/driver.ts";
import { type TestConnection, TestPartition } from "../support/partition.ts";
import { counter } from "../workerd/models.ts";

const explorer = { target: "ex", value: {} };
const push = (id: string, parent?: string) => ({ target: "ex", value: { id }, options: parent ? { parent } : {} });

function started(): { room: TestPartition; a: TestConnection } {
  const room = new TestPartition();
  const a = room.client("a");
  a.submit("start", "set", explorer);
  return { room, a };
}

describe("acceptance", () => {
  it("[WP-4] [WP-1] assigns the next id to each accepted draft, also after rejections and restarts", () => {
    const { room, a } = started();
    const ids: number[] = [];
    for (const [draftId, id] of [
      ["d1", "x"],
      ["d2", "x"],
      ["d3", "y"],
      ["d4", "x"],
      ["d5", "z"],
    ] as const) {
      const { type, payload } = a.submit(draftId, "treePush", push(id));
      if (type === "event_accepted") ids.push(payload.eventId);
      room.restart();
      a.session.update({});
      room.partition.attach(a.session, room.now);
    }
    expect(ids).toEqual([2, 3, 4]);
    expect(room.partition.events(0, undefined, room.now).events.map(({ eventId }) => eventId)).toEqual([1, 2, 3, 4]);
  });

  it("[WP-1] [AU-8] answers field for field, and sends the event as it was submitted", () => {
    const { room, a } = started();
    const answer = a.submit("d1", "treePush", push("x"), { partition: "room", version: 1 });
    expect(answer).toEqual({
      id: "a-2",
      type: "event_accepted",
      timestamp: room.now,
      payload: {
        draftId: "d1",
        eventId: 2,
        event: {
          type: "treePush",
          payload: push("x"),
          version: 1,
          partition: "room",
          id: "evt-2",
          timestamp: room.now,
          clientId: "a",
        },
      },
    });
    expect(a.of("broadcast").at(-1)).toEqual({
      id: "b-2",
      type: "broadcast",
      timestamp: room.now,
      payload: { eventId: 2, event: answer.payload.event },
    });
  });

  it("[WP-5] sends the verdict to the submitter before the broadcast of its own event", () => {
    const { a } = started();
    a.submit("d1", "treePush", push("x"));
    expect(a.received.slice(-2)).toEqual(["accepted", "broadcast"]);
  });

  it("[WP-1] event times never decrease", () => {
    const { room, a } = started();
    const first = a.submit("d1", "treePush", push("x")).timestamp;
    room.now -= 60_000;
    expect(a.submit("d2", "treePush", push("y")).timestamp).toBe(first);
    room.restart();
    expect(room.client("b").submit("d3", "treePush", push("z")).timestamp).toBe(first);
  });
});

describe("idempotency", () => {
  it("[ID-1] [ID-11] answers a retry with the same bytes, for acceptances and rejections, also after a restart, and commits nothing", () => {
    const { room, a } = started();
    a.submit("yes", "treePush", push("x"));
    a.submit("no", "treePush", push("x"));
    const [yes, no] = [
      a.frames.find((frame) => frame.includes('"yes"')),
      a.frames.find((frame) => frame.includes('"no"')),
    ];
    // In the current state both drafts would have the opposite verdict.
    a.submit("later", "treeDelete", { target: "ex", options: { id: "x" } });
    for (const restart of [false, true]) {
      if (restart) room.restart();
      room.now += 86_400_000;
      const b = room.client("a");
      const others = room.client("other");
      b.submit("yes", "treePush", push("x"));
      b.submit("no", "treePush", push("x"));
      expect(b.frames.slice(-2)).toEqual([yes, no]);
      expect(others.of("broadcast")).toEqual([]);
      expect(room.partition.events(0, undefined, room.now).currentEventIndex).toBe(3);
    }
  });

  it("[ID-1] [ID-7] accepts a retry whose content has its keys in another order", () => {
    const { a } = started();
    a.raw(
      `{"id":"1","type":"submit_event","timestamp":0,"payload":{"draftId":"d","event":{"type":"set","payload":{"target":"n","value":{"a":1,"b":-0}}}}}`,
    );
    a.raw(
      `{"id":"2","type":"submit_event","timestamp":5,"payload":{"event":{"payload":{"value":{"b":0,"a":1.0},"target":"n"},"partition":"room","type":"set"},"draftId":"d"}}`,
    );
    const answers = a.frames.filter((frame) => frame.includes('"draftId":"d"'));
    expect(answers).toHaveLength(2);
    expect(answers[0]).toBe(answers[1]);
  });

  it.each<[string, (a: TestConnection) => unknown]>([
    ["payload", (a) => a.submit("d", "treePush", push("y"))],
    ["type", (a) => a.submit("d", "unset", { target: "ex" })],
    ["version", (a) => a.submit("d", "treePush", push("x"), { version: 1 })],
    ["expectedEventId", (a) => a.submit("d", "treePush", push("x"), { expectedEventId: 1 })],
  ])("[ID-7] refuses a key that is used again with another %s; the first record is unchanged", (_, reuse) => {
    for (const accepted of [true, false]) {
      const { room, a } = started();
      if (!accepted) a.submit("other", "treePush", push("x"));
      a.submit("d", "treePush", push("x"));
      const first = a.frames.find((frame) => frame.includes('"draftId":"d"'));
      const before = room.state();
      const head = room.partition.events(0, undefined, room.now).currentEventIndex;
      expect(reuse(a)).toMatchObject({
        type: "event_rejected",
        payload: { draftId: "d", reason: "idempotency_key_reused", status: 422, retryable: false },
      });
      expect(room.state()).toEqual(before);
      a.submit("d", "treePush", push("x"));
      expect(a.frames.findLast((frame) => frame.includes('"draftId":"d"'))).toBe(first);
      expect(room.partition.events(0, undefined, room.now).currentEventIndex).toBe(head);
    }
  });

  it("[ID-2] the same content under a new key is a new operation", () => {
    const { a } = started();
    expect(a.submit("d1", "set", { target: "n", value: 1 }).payload.eventId).toBe(2);
    expect(a.submit("d2", "set", { target: "n", value: 1 }).payload.eventId).toBe(3);
  });

  it("[ID-9] another principal's equal key is another operation", () => {
    const { room, a } = started();
    const b = room.client("b");
    expect(a.submit("d", "treePush", push("x")).type).toBe("event_accepted");
    expect(b.submit("d", "treePush", push("y")).type).toBe("event_accepted");
    expect(b.submit("d", "treePush", push("y")).payload.event.clientId).toBe("b");
    expect(room.partition.events(0, undefined, room.now).currentEventIndex).toBe(3);
  });

  it.each([undefined, "", 7, null, "a b", "a\nb", "ü", "x".repeat(129), {}])(
    "[ID-3] refuses %j as a draft id, and commits nothing",
    (draftId) => {
      const { room, a } = started();
      const [answer] = a.send("submit_event", { draftId, event: { type: "treePush", payload: push("x") } });
      expect(answer).toMatchObject({ type: "error", payload: { code: "bad_request" }, inReplyTo: "m-3" });
      expect(answer.payload.errors).toEqual([expect.objectContaining({ field: "payload.draftId" })]);
      expect(room.partition.events(0, undefined, room.now).currentEventIndex).toBe(1);
    },
  );

  it("[ID-5] one key over many connections and HTTP has one event and equal answers", () => {
    const { room } = started();
    const connections = Array.from({ length: 8 }, () => room.client("same"));
    const draft = single({ draftId: "d", event: { type: "treePush", payload: push("x") }, expectedEventId: undefined });
    const author = { principal: "dev:same", permissions: "all" as const };
    const http = room.partition.submit(author, "same", draft, room.now);
    const answers = connections.map((connection) => {
      connection.submit("d", "treePush", push("x"));
      return connection.frames.at(-1);
    });
    expect(new Set(answers).size).toBe(1);
    const verdict = { results: [{ kind: "accepted", event: { eventId: 2 } }] };
    expect(http).toMatchObject({ kind: "decided", replayed: false, verdict });
    expect(room.partition.submit(author, "same", draft, room.now)).toMatchObject({ replayed: true, verdict });
    expect(room.partition.events(0, undefined, room.now).currentEventIndex).toBe(2);
  });
});

describe("layers", () => {
  const counting = () => {
    const room = new TestPartition({ model: counter as AnyModel, name: "counter-1" });
    return { room, a: room.client("a") };
  };

  it("[MD-3] [ER-3] rejects an unknown type or version, with a detail that says what to do", () => {
    const { a } = counting();
    expect(a.submit("d1", "fly", {}).payload).toMatchObject({
      reason: "unknown_event_type",
      layer: "schema",
      status: 422,
    });
    expect(a.submit("d2", "add", { by: 1 }, { version: 9 }).payload).toMatchObject({ reason: "unknown_event_version" });
    expect(a.submit("d3", "x".repeat(60_000), {}).payload.detail.length).toBeLessThan(400);
  });

  it("[ER-3] [MD-2] lists every violation of a shape with its path", () => {
    const { a } = counting();
    const { payload } = a.submit(
      "d",
      "put",
      { key: 1, value: "x", more: [] },
      {
        version: 0,
        author: "me",
        expectedEventId: -1,
      },
    );
    expect(payload).toMatchObject({ reason: "validation_failed", layer: "schema" });
    expect(payload.errors.map((error: { field: string }) => error.field).toSorted()).toEqual([
      "author",
      "expectedEventId",
      "payload.key",
      "payload.more",
      "payload.value",
      "version",
    ]);
    expect(payload.errors.every((error: { code: string }) => error.code === "SCHEMA_ERROR")).toBe(true);
  });

  it("[WP-8] [MD-1] refuses fields that the schema would silently drop", () => {
    const { a, room } = counting();
    const { payload } = a.submit("d", "note", { text: "x", extra: 1 });
    expect(payload).toMatchObject({ reason: "validation_failed", errors: [{ field: "payload.extra" }] });
    expect(room.state()).toMatchObject({ notes: [] });
  });

  it("[AU-3] [MD-2] rejects a draft without permission before it checks any rule", () => {
    const { room } = counting();
    const weak = room.open({ principal: "p", permissions: ["submit:add"] });
    weak.connect("w");
    expect(weak.submit("d1", "add", { by: 1 }, { version: 2 }).type).toBe("event_accepted");
    expect(weak.submit("d2", "note", { text: "x" }).payload).toMatchObject({
      reason: "forbidden",
      layer: "permission",
      status: 403,
    });
    const strong = room.open({ principal: "q", permissions: ["notes"] });
    strong.connect("s");
    expect(strong.submit("d", "note", { text: "x" }).type).toBe("event_accepted");
    expect(strong.submit("e", "add", { by: 1 }, { version: 2 }).payload.reason).toBe("forbidden");
  });

  it("[MD-2] rejects by a business rule, with the message of the rule", () => {
    const { a } = counting();
    a.submit("d1", "note", { text: "x" });
    expect(a.submit("d2", "note", { text: "x" }).payload).toMatchObject({
      reason: "validation_failed",
      layer: "rule",
      errors: [{ field: "payload.text", code: "TWICE", message: "Noted before." }],
    });
  });

  it("[TX-2] [TX-10] rejects a draft that violates an invariant, undoes it, and records it", () => {
    const { room, a } = counting();
    a.submit("d1", "add", { by: 5 }, { version: 2 });
    const { payload } = a.submit("d2", "add", { by: -6 }, { version: 2 });
    expect(payload).toMatchObject({
      reason: "invariant_violated",
      layer: "invariant",
      errors: [{ message: "the count is never negative" }],
    });
    expect(room.state()).toMatchObject({ count: 5 });
    expect(a.submit("d3", "add", { by: 1 }, { version: 2 }).payload.eventId).toBe(2);
    a.submit("d2", "add", { by: -6 }, { version: 2 });
    expect(a.of("event_rejected")[0]).toEqual(a.of("event_rejected")[1]);
  });

  it.each(["reduce", "validate", "schema"])(
    "[ER-9] [ER-6] [TX-3] a model that throws in %s: draft_failed, not stored, no change, no broadcast",
    (where) => {
      const { room, a } = counting();
      const before = room.state();
      for (let attempt = 0; attempt < 2; attempt++) {
        const answer = a.submit("d", "explode", { in: where });
        expect(answer).toMatchObject({
          type: "error",
          inReplyTo: expect.any(String),
          payload: { code: "draft_failed", draftId: "d", retryable: false, status: 500 },
        });
        expect(JSON.stringify(answer)).not.toMatch(/secret|at .*\.ts/);
        // The log has the error that the client does not receive, with the same trace id.
        expect(room.logged.at(-1)?.fields).toMatchObject({
          traceId: answer.payload.traceId,
          error: expect.stringContaining(where === "reduce" ? "secret of the reducer" : "secret"),
        });
      }
      expect(room.state()).toEqual(before);
      // Not stored: the key can be used for another draft.
      expect(a.submit("d", "add", { by: 1 }, { version: 2 }).type).toBe("event_accepted");
      expect(a.submit("e", "add", { by: 1 }, { version: 2 }).payload.eventId).toBe(2);
    },
  );

  it("[MD-4] [MD-5] accepts older versions, stores them as submitted, and upcasts only to fold", () => {
    const { room, a } = counting();
    const old = a.submit("d1", "add", { amount: 2 });
    expect(old.payload.event).toMatchObject({ payload: { amount: 2 } });
    expect(old.payload.event.version).toBeUndefined();
    const current = a.submit("d2", "add", { by: 3 }, { version: 2 });
    expect(current.payload.event).toMatchObject({ version: 2, payload: { by: 3 } });
    expect(a.submit("d3", "add", { by: 1 }).payload).toMatchObject({
      reason: "validation_failed",
      errors: [{ field: "payload" }],
    });
    expect(room.state()).toMatchObject({ count: 5 });
    room.restart();
    expect(room.state()).toMatchObject({ count: 5 });
    expect(room.partition.events(0, 1, room.now).events[0]).toMatchObject({
      version: undefined,
      payload: '{"amount":2}',
    });
  });

  it("[MD-5] refuses a client with another model version as upgrade_required", () => {
    const { room } = counting();
    const stale = room.open();
    expect(stale.connect("s", { modelVersion: 2 })[0]).toMatchObject({
      type: "error",
      payload: { code: "upgrade_required", status: 426 },
    });
    expect(stale.send("sync", {})[0].payload.code).toBe("not_connected");
    expect(stale.connect("s", { modelVersion: 3 })[0].type).toBe("connected");
  });

  it("[MD-5] [CL-14] refuses a client with a model of another name, and says which model each has", () => {
    const { room } = counting();
    const other = room.open();
    for (const options of [{}, { modelVersion: 3, otherModel: true }, { modelVersion: 2, initialState: true }]) {
      const [error] = other.connect("o", { model: "seats", ...options });
      expect(error).toMatchObject({
        type: "error",
        payload: { code: "model_mismatch", status: 503, retryable: true, retryAfter: 30 },
      });
      const theirs = "modelVersion" in options ? `"seats", version ${options.modelVersion}` : '"seats"';
      expect(error.payload.detail).toContain(`has the model "counter", version 3, and the application has ${theirs}:`);
    }
    expect(other.send("sync", {})[0].payload.code).toBe("not_connected");
    expect(room.open().connect("n", { model: "x".repeat(200) })[0].payload.detail).toContain(`"${"x".repeat(64)}":`);
    expect(other.connect("o", { model: "counter", modelVersion: 3 })[0].type).toBe("connected");
  });

  it("[MD-5] says in upgrade_required which version each has, and what to do", () => {
    const { room } = counting();
    const detailOf = (modelVersion: number, model?: string) =>
      room.open().connect("s", { modelVersion, model })[0].payload.detail;
    const ours = 'This partition has version 3 of the model "counter", and the application has version';
    expect(detailOf(2, "counter")).toBe(`${ours} 2: reload the application.`);
    expect(detailOf(4, "counter")).toBe(`${ours} 4: wait until the server is updated.`);
    // A client of before the model's name was on the wire.
    expect(detailOf(2)).toBe("This partition is folded with model version 3: reload the application.");
  });

  it("[MD-5] [LC-5] [CL-14] gives a client with another model version verdicts, and no events, if it asks for that", () => {
    const { room, a } = counting();
    a.submit("d1", "note", { text: "before" });
    const other = room.open();
    const options = { modelVersion: 2, otherModel: true, sinceEventId: 99, proof: "p", echo: false };
    expect(other.connect("o", options).map(({ payload }) => payload)).toEqual([
      { serverId: expect.any(String), currentEventIndex: 1, modelVersion: 3 },
    ]);
    a.submit("d2", "note", { text: "of another" });
    other.submit("d3", "note", { text: "own" });
    other.submit("d4", "no such type", {});
    expect(other.received.slice(1)).toEqual(["accepted", "rejected"]);
    // With the version of the partition nothing changes.
    const same = room.open().connect("s", { ...options, modelVersion: 3, sinceEventId: 3, proof: undefined });
    expect(same.map(({ type }) => type)).toEqual(["connected", "sync_response"]);
    expect(same[0].payload).not.toHaveProperty("modelVersion");
  });

  it("[MD-1] reducers receive the time of the commit and the client", () => {
    const { room, a } = counting();
    a.submit("d", "note", { text: "when" });
    const before = room.state();
    expect(before).toMatchObject({ notes: ["when", `a@${room.now}`] });
    room.now += 9_999;
    room.restart();
    expect(room.state()).toEqual(before);
  });
});

describe("conflicts", () => {
  it("[TX-7] rejects a draft whose entity another client has changed since, with the conflicting events", () => {
    const { room, a } = started();
    const b = room.client("b");
    a.submit("d1", "set", { target: "n", value: 1 });
    b.submit("d2", "set", { target: "n", value: 2 });
    b.submit("d3", "set", { target: "other", value: 2 });
    expect(a.submit("d4", "set", { target: "n", value: 3 }, { expectedEventId: 2 }).payload).toMatchObject({
      reason: "conflict",
      status: 409,
      layer: "conflict",
      conflictingEventIds: [3],
    });
    expect(a.submit("d5", "set", { target: "n", value: 3 }, { expectedEventId: 4 }).type).toBe("event_accepted");
    expect(room.state()).toMatchObject({ n: 3 });
  });

  it("[TX-7] a client's own events do not conflict, and without expectedEventId the last write wins", () => {
    const { room, a } = started();
    a.submit("d1", "set", { target: "n", value: 1 });
    expect(a.submit("d2", "set", { target: "n", value: 2 }, { expectedEventId: 1 }).type).toBe("event_accepted");
    expect(room.client("b").submit("d3", "set", { target: "n", value: 3 }).type).toBe("event_accepted");
    expect(room.state()).toMatchObject({ n: 3 });
  });

  it("[TX-7] an event without an entity conflicts with all events", () => {
    const room = new TestPartition({ model: counter as AnyModel, name: "counter-1" });
    room.client("b").submit("d1", "add", { by: 1 }, { version: 2 });
    const answer = room.client("a").submit("d2", "put", { key: "k", value: 1 }, { expectedEventId: 0 });
    expect(answer.payload).toMatchObject({ reason: "conflict", conflictingEventIds: [1] });
  });

  it("[TX-7] a type can require expectedEventId", () => {
    const room = new TestPartition({ model: counter as AnyModel, name: "counter-1" });
    const a = room.client("a");
    expect(a.submit("d1", "put", { key: "k", value: 1 }).payload).toMatchObject({
      reason: "precondition_required",
      status: 428,
    });
    expect(a.submit("d2", "put", { key: "k", value: 1 }, { expectedEventId: 0 }).type).toBe("event_accepted");
    const b = room.client("b");
    expect(b.submit("d3", "put", { key: "other", value: 1 }, { expectedEventId: 0 }).type).toBe("event_accepted");
    expect(b.submit("d4", "put", { key: "k", value: 1 }, { expectedEventId: 0 }).payload.reason).toBe("conflict");
  });

  it("[TX-7] bounds the events that are checked and listed; a stored conflict is final", () => {
    const { room, a } = started();
    const b = room.client("b");
    for (let at = 0; at < 30; at++) b.submit(`b-${at}`, "set", { target: "n", value: at });
    const answer = a.submit("d1", "set", { target: "n", value: -1 }, { expectedEventId: 1 });
    expect(answer.payload.conflictingEventIds).toEqual(Array.from({ length: 20 }, (_, at) => at + 2));
    for (let at = 30; at < 1_005; at++) b.submit(`b-${at}`, "set", { target: "n", value: at });
    expect(a.submit("d2", "set", { target: "n", value: -1 }, { expectedEventId: 1 }).payload.reason).toBe("too_stale");
    a.submit("d1", "set", { target: "n", value: -1 }, { expectedEventId: 1 });
    expect(a.of("event_rejected").at(-1)).toEqual(answer);
    expect(a.submit("d3", "set", { target: "n", value: -1 }, { expectedEventId: 1_006 }).type).toBe("event_accepted");
    expect(a.submit("d4", "set", { target: "n", value: -1 }, { expectedEventId: 99_999 }).payload).toMatchObject({
      reason: "validation_failed",
      errors: [{ field: "expectedEventId" }],
    });
  });
});

describe("storage failures", () => {
  /** A driver that fails at its nth write after `arm`, before or after the statement, or at the commit. */
  class FailingDriver implements SqlDriver {
    readonly #driver = new NodeSqlDriver();
    fail: { nth: number; when: "before" | "after" | "commit" } | undefined;
    #writes = 0;

    arm(fail: FailingDriver["fail"]): void {
      this.fail = fail;
      this.#writes = 0;
    }
    query(...parameters: Parameters<SqlDriver["query"]>) {
      return this.#driver.query(...parameters);
    }
    write(...parameters: Parameters<SqlDriver["write"]>) {
      const hit = ++this.#writes === this.fail?.nth;
      if (hit && this.fail?.when === "before") throw new Error("disk full at /var/secret");
      const rows = this.#driver.write(...parameters);
      if (hit && this.fail?.when === "after") throw new Error("disk full at /var/secret");
      return rows;
    }
    wrote(...parameters: Parameters<SqlDriver["wrote"]>) {
      const hit = ++this.#writes === this.fail?.nth;
      if (hit && this.fail?.when === "before") throw new Error("disk full at /var/secret");
      const wrote = this.#driver.wrote(...parameters);
      if (hit && this.fail?.when === "after") throw new Error("disk full at /var/secret");
      return wrote;
    }
    script(sql: string) {
      this.#driver.script(sql);
    }
    transaction<T>(body: () => T): T {
      const result = this.#driver.transaction(body);
      // Platform fact: a commit that reports an error can have succeeded.
      if (this.fail?.when === "commit") throw new Error("fsync failed");
      return result;
    }
  }

  it.each([
    { nth: 1, when: "before" as const },
    { nth: 1, when: "after" as const },
    { nth: 0, when: "commit" as const },
  ])(
    "[ID-12] [TX-3] [TX-18] [TX-5] fails closed at $nth $when: retryable, memory equals storage, and the retry has the one verdict",
    (fail) => {
      const driver = new FailingDriver();
      const room = new TestPartition({ driver });
      const a = room.client("a");
      const b = room.client("b");
      a.submit("start", "set", explorer);
      driver.arm(fail);
      const refused = a.submit("d", "treePush", push("x"));
      expect(refused).toMatchObject({
        type: "error",
        payload: { code: "storage_unavailable", draftId: "d", retryable: true, retryAfter: 1, status: 503 },
      });
      expect(JSON.stringify(refused)).not.toMatch(/secret|fsync/);
      expect(b.of("broadcast")).toHaveLength(1);
      driver.arm(undefined);
      const committed = fail.when === "commit";
      expect(room.partition.events(0, undefined, room.now).currentEventIndex).toBe(committed ? 2 : 1);
      expect(JSON.stringify(room.state()).includes('"x"')).toBe(committed);
      expect(a.submit("d", "treePush", push("x"))).toMatchObject({ type: "event_accepted", payload: { eventId: 2 } });
      expect(a.submit("e", "treePush", push("y")).payload.eventId).toBe(3);
    },
  );

  it("[ID-12] a rejection that could not be stored is not a verdict", () => {
    const driver = new FailingDriver();
    const room = new TestPartition({ driver });
    const a = room.client("a");
    a.submit("start", "set", explorer);
    driver.arm({ nth: 1, when: "before" });
    const bad = push("x", "nobody");
    expect(a.submit("d", "treePush", bad).payload.code).toBe("storage_unavailable");
    driver.arm(undefined);
    expect(a.submit("d", "treePush", bad).payload.reason).toBe("validation_failed");
  });

  it("[WP-12] holds back later drafts of the connection until the refused one is sent again", () => {
    const driver = new FailingDriver();
    const room = new TestPartition({ driver });
    const a = room.client("a");
    const b = room.client("b");
    a.submit("start", "set", explorer);
    driver.arm({ nth: 1, when: "before" });
    expect(a.submit("d1", "treePush", push("x")).payload.code).toBe("storage_unavailable");
    driver.arm(undefined);
    expect(a.submit("d2", "treePush", push("y", "x"))).toMatchObject({
      type: "error",
      payload: { code: "storage_unavailable", draftId: "d2", retryable: true },
    });
    // Other connections and other requests are not affected; the connection keeps this over hibernation.
    expect(b.submit("b1", "treePush", push("z")).type).toBe("event_accepted");
    expect(a.send("sync", { sinceEventId: 0 })[0].type).toBe("sync_response");
    room.restart();
    const woken = room.attach(a.saved);
    expect(woken.submit("d2", "treePush", push("y", "x")).payload.code).toBe("storage_unavailable");
    expect(woken.submit("d1", "treePush", push("x")).type).toBe("event_accepted");
    expect(woken.submit("d2", "treePush", push("y", "x")).type).toBe("event_accepted");
  });
});
