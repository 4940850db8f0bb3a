import { describe, expect, it } from "vitest";
import { NodeSqlDriver } from "../../src/storage/node.ts";
import { TestPartition } from "../support/partition.ts";
import { schemasOf } from "../support/schemas.ts";

const then = 1_699_999_000_000;
const set = (target: string, value: unknown) => ({ target, value });
const members = (first: string, second: string, values: [object, object]) => ({
  mode: "atomic",
  partition: "room",
  events: [
    { draftId: first, event: { type: "set", payload: values[0] } },
    { draftId: second, event: { type: "set", payload: values[1] } },
  ],
});

const databases = schemasOf("partition").map((text, at) => ({ schema: at + 1, text }));

describe.each(databases)("a partition that was written with schema $schema", ({ schema, text }) => {
  const opened = () => {
    const driver = new NodeSqlDriver();
    driver.transaction(() => driver.script(text));
    return new TestPartition({ driver });
  };

  it("[LC-3] [TX-8] folds: from the snapshot, and the events after it", () => {
    const room = opened();
    expect(room.state()).toEqual({
      title: "Größe 😀 \0",
      count: 1,
      snapshot: true,
      note: "reversed members",
      ...(schema === 1 ? {} : { "m-1": 4, "m-2": 5 }),
    });
    expect(room.partition.nextDue).toBe(then + 600_000);
  });

  it("[LC-3] [ID-1] [ID-7] answers a key that was accepted with the event that is stored", () => {
    const room = opened();
    const alice = room.client("alice");
    expect(alice.submit("d-1", "set", set("title", "Größe 😀 \0"))).toMatchObject({
      type: "event_accepted",
      timestamp: then + 1,
      payload: { draftId: "d-1", eventId: 1 },
    });
    expect(alice.submit("d-1", "set", set("title", "another")).payload.code).toBe("idempotency_key_reused");
    const head = schema === 1 ? 3 : 5;
    expect(room.partition.standing(room.now).head).toBe(head);
    if (schema === 1) return;
    const [answer] = alice.send("submit_events", {
      batchId: "b-1",
      ...members("m-1", "m-2", [set("m-1", 4), set("m-2", 5)]),
    });
    expect(answer).toMatchObject({
      type: "events_result",
      timestamp: then + 4,
      payload: {
        results: [
          { status: "accepted", eventId: 4 },
          { status: "accepted", eventId: 5 },
        ],
      },
    });
    expect(room.partition.standing(room.now).head).toBe(head);
  });

  it("[LC-3] [ID-1] [ID-7] answers a key that was rejected with the problem that is stored", () => {
    const room = opened();
    const bob = room.client("bob");
    expect(bob.submit("r-1", "set", { target: "x" })).toMatchObject({
      type: "event_rejected",
      payload: {
        detail: "An earlier wording – kept as it was.",
        traceId: "0af7651916cd43dd8448eb211c80319c",
        timestamp: then + 10,
        errors: [{ field: "payload.value", code: "SCHEMA_ERROR", message: "A value is needed." }],
      },
    });
    if (schema === 1) return;
    const [answer] = bob.send("submit_events", {
      batchId: "b-2",
      ...members("n-1", "n-2", [set("y", 1), { target: "x" }]),
    });
    expect(answer).toMatchObject({
      type: "events_result",
      timestamp: then + 11,
      payload: {
        results: [
          { draftId: "n-1", status: "not_processed" },
          { draftId: "n-2", status: "rejected", traceId: "4bf92f3577b34da6a3ce929d0e0e4736" },
        ],
      },
    });
  });

  it("[LC-3] appends new events, which have the incarnation that wrote them; those before schema 5 have none", () => {
    const room = opened();
    const head = schema === 1 ? 3 : 5;
    expect(room.client("alice").submit("new-1", "set", set("new", 1)).payload.eventId).toBe(head + 1);
    room.restart();
    expect(room.client("alice").submit("new-2", "set", set("new", 2)).payload.eventId).toBe(head + 2);
    const incarnations = room.driver
      .query("SELECT incarnation FROM events ORDER BY event_id")
      .map((row) => row["incarnation"]);
    expect(incarnations).toEqual([
      ...Array.from({ length: head }, () => (schema < 5 ? null : "9f86d081884c7d65")),
      "0000000000000001",
      "0000000000000002",
    ]);
  });

  it("[LC-3] [MD-4] [WP-1] sends the log in the same bytes", () => {
    const room = opened();
    const reader = room.client("reader");
    reader.send("sync", { partition: "room", sinceEventId: 0, limit: 3 });
    const head = schema === 1 ? 3 : 5;
    expect(reader.frames.at(-1)).toBe(
      String.raw`{"id":"re-m-2","type":"sync_response","timestamp":1700000000000,"payload":{"events":[` +
        String.raw`{"eventId":1,"event":{"type":"set","payload":{"target":"title","value":"Größe 😀 \u0000"},"partition":"room","id":"evt-1","timestamp":1699999000001,"clientId":"alice"}},` +
        String.raw`{"eventId":2,"event":{"type":"set","payload":{"target":"count","value":1},"partition":"room","id":"evt-2","timestamp":1699999000002,"clientId":"bob"}},` +
        String.raw`{"eventId":3,"event":{"type":"set","payload":{"value":"reversed members","target":"note"},"version":1,"partition":"room","id":"evt-3","timestamp":1699999000003,"clientId":"alice"}}` +
        `],"currentEventIndex":${head},"hasMore":${head > 3},"nextSinceEventId":3},"inReplyTo":"m-2"}`,
    );
  });

  it("[WP-1] sends nothing of what a new event has in its row besides", () => {
    const room = opened();
    const reader = room.client("reader");
    const alice = room.client("alice");
    alice.submit("new", "set", set("new", 1));
    reader.send("sync", { partition: "room", sinceEventId: 0 });
    const [{ incarnation }] = room.driver.query("SELECT incarnation FROM events ORDER BY event_id DESC") as [
      { incarnation: string },
    ];
    expect(incarnation).toMatch(/^[0-9a-f]{16}$/);
    for (const frame of [...reader.frames, ...alice.frames]) {
      expect(frame).not.toContain(incarnation);
      expect(frame).not.toMatch(/incarnation|fingerprint|correlation/);
    }
  });
});
