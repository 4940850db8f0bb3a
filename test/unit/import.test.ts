import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel } from "../../src/model/index.ts";
import type { Draft } from "../../src/core/index.ts";
import { bounds, insiemeScope, isReserved, type JsonObject } from "../../src/protocol/index.ts";
import { TestShell } from "../support/shell.ts";

const now = 1_700_000_000_000;
const asking = { traceId: "0".repeat(32) };
const admin = { principal: "user:admin", permissions: ["admin:import"] };

const model = defineModel({
  name: "labels",
  version: 1,
  initialState: () => ({ total: 0, labels: [] as string[] }),
  events: {
    add: {
      payload: z.strictObject({ by: z.int() }),
      validate: (state, { payload }) =>
        state.total + payload.by < 0 ? { field: "payload.by", code: "TOO_LOW", message: "Too low." } : undefined,
      reduce(state, { payload, label = "" }) {
        state.total += payload.by;
        state.labels.push(label);
      },
    },
  },
});
const effects = defineEffects(model, {
  add: () => [{ kind: "submit", partition: "other", type: "add", payload: {} }],
});

/** Before the first event. */
const start = now - 100_000;
/** The event in this place. */
const event = (eventId: number, by = 1, timestamp = start + eventId): Draft => ({
  draftId: `id ${eventId}`,
  event: { type: "add", payload: { by } },
  expectedEventId: undefined,
  annotations: { label: "ü", meta: { clientTs: 1 } },
  scope: insiemeScope,
  imported: { eventId, timestamp },
});

async function imports(room: TestShell, ...drafts: Draft[]): Promise<JsonObject & { status: number }> {
  const submission = { key: drafts[0]!.draftId, mode: "sequential", drafts } as const;
  const answer = room.shell.importEvents(admin, submission, 1_000, asking);
  await new Promise((resolve) => setImmediate(resolve));
  room.elapse(0);
  const { status, body } = await answer;
  return { status, ...(JSON.parse(body) as JsonObject) };
}

const rows = ({ driver }: TestShell) =>
  driver.query("SELECT event_id, principal, draft_id, client_id, timestamp FROM events");

describe("an import", () => {
  it("[EC-11] keeps numbers, ids and times, and causes no effects; what is new goes on behind it", async () => {
    const room = new TestShell({ model, effects, now });
    expect(await imports(room, event(1), { ...event(2), clientId: "phone" })).toEqual({ status: 200, imported: 2 });
    expect(rows(room).map((row) => Object.values(row))).toEqual([
      [1, "insieme:", "id 1", "import:", start + 1],
      [2, "insieme:", "id 2", "phone", start + 2],
    ]);
    expect(room.driver.query("SELECT * FROM outbox")).toEqual([]);
    expect(isReserved("import:")).toBe(true);
    const again = new TestShell({ model, effects, now, driver: room.driver });
    expect(await imports(again, event(3))).toEqual({ status: 200, imported: 1 });
  });

  it("[EC-11] takes an event in its place only, once, and with a time between the last one's and now", async () => {
    const room = new TestShell({ model, now });
    expect(await imports(room, event(2))).toMatchObject({ status: 409, code: "conflict", currentEventIndex: 0 });
    expect(await imports(room, event(1), event(2), event(4))).toEqual({ status: 200, imported: 2 });
    // A retry, of which a part is new.
    expect(await imports(room, event(1), event(2), event(3))).toEqual({ status: 200, imported: 3 });
    expect(await imports(room, event(3, 2))).toMatchObject({ status: 422, code: "idempotency_key_reused" });
    for (const timestamp of [start + 2, now + 1]) {
      const answer = await imports(room, event(4, 1, timestamp));
      expect(answer).toMatchObject({ status: 422, code: "validation_failed", errors: [{ field: "timestamp" }] });
    }
    expect(rows(room)).toHaveLength(3);
  });

  it("[EC-11] ends before an event that the model refuses, of which nothing is stored", async () => {
    const room = new TestShell({ model, now });
    expect(await imports(room, event(1), event(2, -2), event(3))).toEqual({ status: 200, imported: 1 });
    const refused = await imports(room, event(2, -2), event(3));
    expect(refused).toMatchObject({ status: 422, code: "validation_failed", errors: [{ field: "payload.by" }] });
    expect(room.driver.query("SELECT * FROM idempotency_records")).toEqual([]);
    expect(await imports(room, event(2, -1), event(3))).toEqual({ status: 200, imported: 2 });
  });

  it("[EC-11] [AU-5] counts in no rate, not even in that of the server itself", async () => {
    const room = new TestShell({ model, now });
    const count = bounds.systemDraftsBurst + bounds.batchEventsMax;
    for (let at = 0; at < count; at += bounds.batchEventsMax) {
      const drafts = Array.from({ length: bounds.batchEventsMax }, (_, offset) => event(at + offset + 1));
      expect(await imports(room, ...drafts)).toEqual({ status: 200, imported: bounds.batchEventsMax });
    }
  });
});
