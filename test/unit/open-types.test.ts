import { describe, expect, it } from "vitest";
import { defineModel, type ModelEvent } from "../../src/model/index.ts";
import { openTypes } from "../../src/models/open-types/index.ts";
import type { JsonObject } from "../../src/protocol/index.ts";
import * as z from "zod/mini";
import { InsiemeConnection, item } from "../support/insieme-wire.ts";
import { TestPartition } from "../support/partition.ts";
import { TestShell } from "../support/shell.ts";

describe("a project that brings its own types", () => {
  it("[MD-3] [MD-18] takes each type in each version, and counts the events of each label", () => {
    const room = new TestPartition({ model: openTypes() });
    const client = room.client("a");
    expect(client.submit("1", "todo add!", { deep: [{ any: null }] }).type).toBe("event_accepted");
    expect(client.submit("2", "todo add!", {}, { version: 7 }).payload.event.version).toBe(7);
    expect(room.state()).toEqual({ counts: { "": 2 } });
    room.restart();
    expect(room.state()).toEqual({ counts: { "": 2 } });
  });

  it.each([
    ["", {}, "unknown_event_type"],
    ["x".repeat(129), {}, "unknown_event_type"],
    ["a", [], "validation_failed"],
    ["a", "text", "validation_failed"],
  ])("[MD-3] rejects the type %j with %j as %s", (type, payload, code) => {
    const client = new TestPartition({ model: openTypes() }).client("a");
    expect(client.submit("1", type, payload).payload.code).toBe(code);
  });

  it("[MD-2] rejects what its application does not want, by label, user and metadata too", async () => {
    const seen: ModelEvent<JsonObject>[] = [];
    const model = openTypes({
      validate(event, state) {
        seen.push(event);
        const full = (state.counts[event.label ?? ""] ?? 0) >= 1;
        return full ? { field: "label", code: "FULL", message: "One event a label." } : undefined;
      },
    });
    const client = await InsiemeConnection.connected(new TestShell({ model }));
    const results = client.submit(item("one", { userId: "u" }), item("two", { partition: "other" }), item("three"));
    expect(results.map(({ status }) => status)).toEqual(["committed", "committed", "rejected"]);
    expect(results[2].errors).toMatchObject([{ field: "label", code: "FULL" }]);
    expect(seen[0]).toMatchObject({
      label: "session-1",
      userId: "u",
      meta: { clientTs: 1_700_000_000_001 },
      clientId: "c1",
    });
  });

  it("[MD-4] [EC-11] keeps its log when it gets a model of its own, whose reducers read the labels", async () => {
    const host = new TestShell({ model: openTypes() });
    const client = await InsiemeConnection.connected(host);
    client.submit(item("one"), item("two", { partition: "other" }), item("three"));
    const real = defineModel({
      name: "todos",
      version: 1,
      initialState: () => ({ titles: {} as Record<string, string[]> }),
      events: {
        "todo.add": {
          version: 2,
          payload: z.object({ text: z.string() }),
          upcast: { 1: ({ title }) => ({ text: title! }) },
          reduce(state, { label = "", payload }) {
            state.titles[label] ??= [];
            state.titles[label].push(payload.text);
          },
        },
      },
    });
    const after = new TestShell({ model: real, driver: host.driver, now: host.now });
    const again = await InsiemeConnection.connected(after);
    expect(again.submit(item("one"))).toMatchObject([{ status: "committed", committedId: 1 }]);
    expect(again.submit(item("four", { schemaVersion: 2, payload: { text: "4" } }))).toMatchObject([
      { committedId: 4 },
    ]);
    const { body } = await after.shell.readState(undefined, { traceId: "f".repeat(32) });
    expect(JSON.parse(body as string).state).toEqual({
      titles: { "session-1": ["one", "three", "4"], other: ["two"] },
    });
  });
});
