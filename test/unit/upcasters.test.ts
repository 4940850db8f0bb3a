import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineModel } from "../../src/model/index.ts";
import { mistakesIn } from "../../src/model/mistakes.ts";
import { TestPartition } from "../support/partition.ts";

/** What its upcaster has received. */
const received: unknown[] = [];
const definition = {
  name: "counter",
  version: 1,
  initialState: () => ({ count: 0 }),
  events: {
    add: {
      version: 2,
      payload: z.strictObject({ by: z.int() }),
      olderPayloads: { 1: z.strictObject({ amount: z.int().check(z.minimum(0)) }) },
      upcast: {
        1: (payload: { [key: string]: unknown }) => {
          received.push(payload);
          return { by: payload["amount"] as number };
        },
      },
      reduce(state: { count: number }, { payload }: { payload: { by: number } }) {
        state.count += payload.by;
      },
    },
  },
};
const counter = defineModel(definition);

describe("the payload of an older version", () => {
  it("[MD-4] [ER-3] is checked against its own schema, and what violates it does not reach the upcaster", () => {
    const room = new TestPartition({ model: counter });
    const client = room.client("a");
    for (const payload of [{ amount: "all" }, { amount: -1 }, { amount: 1, more: true }, {}]) {
      expect(client.submit(JSON.stringify(payload), "add", payload)).toMatchObject({
        type: "event_rejected",
        payload: { reason: "validation_failed", layer: "schema", errors: [{ code: "SCHEMA_ERROR" }] },
      });
    }
    expect(client.submit("field", "add", { amount: "all" }).payload.errors[0].field).toBe("payload.amount");
    expect(received).toEqual([]);
    expect(client.submit("good", "add", { amount: 2 }).type).toBe("event_accepted");
    expect(client.submit("current", "add", { by: 3 }, { version: 2 }).type).toBe("event_accepted");
    expect(received).toEqual([{ amount: 2 }]);
    expect(room.state()).toEqual({ count: 5 });
  });

  it("[MD-4] that is in the log is folded as it is: it was checked when it was submitted, or before there was this schema", () => {
    const before = new TestPartition({
      model: defineModel({ ...definition, events: { add: { ...definition.events.add, olderPayloads: {} } } }),
    });
    expect(before.client("a").submit("d", "add", { amount: -4 }).type).toBe("event_accepted");
    before.restart(counter);
    expect(before.state()).toEqual({ count: -4 });
  });

  it("[MD-4] cannot be one of a version that is not upcast", () => {
    for (const version of [0, 2, 3]) {
      const add = { ...definition.events.add, olderPayloads: { [version]: z.strictObject({}) } };
      const mistakes = mistakesIn(defineModel({ ...definition, events: { add } }));
      expect(mistakes).toContain(`add: olderPayloads[${version}]: no upcaster from version ${version}`);
    }
  });
});
