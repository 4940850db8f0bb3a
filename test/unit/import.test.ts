import { describe, expect, it } from "vitest";
import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { type AuthorsShown, defineModel } from "../../src/model/index.ts";
import type { Draft } from "../../src/core/index.ts";
import { bounds, insiemeScope, isReserved, type JsonObject } from "../../src/protocol/index.ts";
import { draftOfLogged, type Logged } from "../../src/wire/partita/logged.ts";
import { TestShell } from "../support/shell.ts";

const now = 1_700_000_000_000;
const asking = { traceId: "0".repeat(32) };
const admin = { principal: "user:admin", permissions: ["admin:import"] };

const labels = ({ conflict, ...more }: { authors?: AuthorsShown; conflict?: "reject" } = {}) =>
  defineModel({
    ...more,
    name: "labels",
    version: 1,
    initialState: () => ({ total: 0, labels: [] as string[], authors: [] as string[] }),
    events: {
      add: {
        ...(conflict && { conflict }),
        payload: z.strictObject({ by: z.int() }),
        validate: (state, { payload }) =>
          state.total + payload.by < 0 ? { field: "payload.by", code: "TOO_LOW", message: "Too low." } : undefined,
        reduce(state, { payload, label = "", author = "" }) {
          state.total += payload.by;
          state.labels.push(label);
          state.authors.push(author);
        },
      },
    },
  });
const model = labels();
const effects = defineEffects(model, {
  add: () => [{ kind: "submit", partition: "other", type: "add", payload: {} }],
});

/** An event as readers of a log receive it. */
const logged = (more: JsonObject): Logged["event"] => ({
  type: "add",
  payload: { by: 1 },
  timestamp: now - 1_000,
  clientId: "phone",
  ...more,
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

  it("[EC-11] [MD-13] of a log of this kind keeps who has submitted an event, and the ids of Insieme; readers get the same again", async () => {
    const room = new TestShell({ model: labels({ authors: "shown" }), now });
    const log: Logged[] = [
      { eventId: 1, event: logged({ author: "ann", clientId: "phone" }) },
      {
        eventId: 2,
        draftId: "id 2",
        event: logged({ author: "bob", clientId: "tab", label: "ü", meta: { clientTs: 1 } }),
      },
      // Another author than that of the id.
      { eventId: 3, event: logged({ author: "bob", clientId: "tab" }) },
    ];
    expect(await imports(room, ...log.map(draftOfLogged))).toEqual({ status: 200, imported: 3 });
    const keys = room.driver
      .query("SELECT principal, draft_id FROM events ORDER BY event_id")
      .map((row) => Object.values(row));
    expect(keys).toEqual([
      ["import:", "evt-1"],
      ["insieme:", "id 2"],
      ["import:", "evt-3"],
    ]);
    const { body } = await room.shell.readEvents(0, undefined, asking, {
      authors: true,
      annotations: true,
      draftIds: true,
    });
    const { events } = JSON.parse(body) as { events: { event: object }[] };
    expect(events).toMatchObject(log);
    const state = JSON.parse(String((await room.shell.readState(undefined, asking)).body)) as { state: JsonObject };
    expect(state.state["authors"]).toEqual(["ann", "bob", "bob"]);
    const plain = await room.shell.readEvents(0, undefined, asking, { annotations: true });
    expect(plain.body).not.toContain("draftId");
  });

  it("[EC-11] [MD-13] refuses a pseudonym, which is of the log that it comes from", async () => {
    const room = new TestShell({ model: labels({ authors: "pseudonym" }), now });
    const [first, second] = [
      draftOfLogged({ eventId: 1, event: logged({ author: "a".repeat(32) }) }),
      draftOfLogged({ eventId: 1, event: logged({}) }),
    ];
    expect(await imports(room, first)).toMatchObject({ status: 422, errors: [{ field: "event.author" }] });
    expect(await imports(room, second)).toEqual({ status: 200, imported: 1 });
  });

  it("[EC-11] [TX-7] asks no imported event for what its author had seen", async () => {
    const room = new TestShell({ model: labels({ conflict: "reject" }), now });
    expect(await imports(room, event(1), event(2))).toEqual({ status: 200, imported: 2 });
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
