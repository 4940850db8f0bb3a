import { describe, expectTypeOf, it } from "vitest";
import * as z from "zod/mini";
import { createClient, type EventOf, type Verdict } from "../../../src/client/index.ts";
import { createPartitionHooks } from "../../../src/client/react.ts";
import { defineModel, type Model } from "../../../src/model/index.ts";

const seats = defineModel({
  name: "seats",
  version: 1,
  initialState: () => ({ taken: {} as Record<string, string>, capacity: 2 }),
  events: {
    book: {
      payload: z.strictObject({ seat: z.string(), name: z.optional(z.string()) }),
      reduce(state, { payload }) {
        state.taken[payload.seat] = payload.name ?? "";
      },
    },
    expire: {
      payload: z.strictObject({ seat: z.string() }),
      internal: true,
      reduce(state, { payload }) {
        delete state.taken[payload.seat];
      },
    },
    close: { payload: z.strictObject({}), reduce() {}, compensate: () => ({ type: "open", payload: { at: 1 } }) },
    open: {
      payload: z.strictObject({ at: z.number() }),
      reduce() {},
      compensate: () => [
        { type: "close", payload: {} },
        { type: "book", payload: { seat: "A1" } },
      ],
    },
  },
});

/** Never called: as below. */
function wrongCompensations() {
  const base = { name: "m", version: 1, initialState: () => ({}) };
  const payload = z.strictObject({ seat: z.string() });
  const plain = { payload, reduce() {} };
  defineModel({
    ...base,
    events: {
      book: plain,
      // @ts-expect-error there is no such type
      other: { payload, reduce() {}, compensate: () => ({ type: "bok", payload: { seat: "A1" } }) },
    },
  });
  defineModel({
    ...base,
    events: {
      book: plain,
      // @ts-expect-error a seat is a string
      other: { payload, reduce() {}, compensate: () => [{ type: "book", payload: { seat: 1 } }] },
    },
  });
}

type Booking = { seat: string; name?: string | undefined };
type Payloads = typeof seats extends Model<infer _, infer P, string> ? P : never;

/** Never called: the test is that the wrong lines do not compile. */
function misuse() {
  const client = createClient({ url: "http://127.0.0.1", partition: "p", model: seats });
  void client.submit("book", { seat: "A1" });
  void client.submitBatch("atomic", [
    { type: "book", payload: { seat: "A1", name: "Ada" } },
    { type: "close", payload: {} },
  ]);
  client.on("confirmed", ({ events }) => {
    for (const { event } of events) {
      if (event.type === "book") expectTypeOf(event.payload).toEqualTypeOf<Booking>();
      else if (event.type === "open") expectTypeOf(event.payload.at).toBeNumber();
      // @ts-expect-error a booking has none
      if (event.type === "book") void event.payload.at;
      // Not its own drafts, but others' events.
      if (event.type === "expire") expectTypeOf(event.payload).toEqualTypeOf<{ seat: string }>();
      // @ts-expect-error there is no such type
      if (event.type === "boook") return;
    }
  });
  client.on("rejected", ({ entry, verdict }) => {
    for (const draft of entry.drafts) if (draft.type === "open") expectTypeOf(draft.payload.at).toBeNumber();
    if (!("results" in verdict)) return;
    for (const result of verdict.results) {
      if (result.status === "accepted" && result.event.type === "open")
        expectTypeOf(result.event.payload.at).toBeNumber();
    }
  });
  for (const { drafts } of [...client.pending, ...client.parked, ...client.rejected]) {
    for (const draft of drafts) {
      if (draft.type === "book") expectTypeOf(draft.payload).toEqualTypeOf<Booking>();
      // @ts-expect-error a booking has none
      if (draft.type === "book") void draft.payload.at;
    }
  }
  type Opened = Extract<Awaited<typeof opened>, { status: "accepted" }>["event"];
  const opened = client.submit("open", { at: 1 });
  expectTypeOf<Opened["payload"]>().toEqualTypeOf<{ at: number }>();
  // @ts-expect-error there is no such type
  void client.submit("boook", { seat: "A1" });
  // @ts-expect-error only the server itself submits it
  void client.submit("expire", { seat: "A1" });
  // @ts-expect-error and not in a batch either
  void client.submitBatch("atomic", [{ type: "expire", payload: { seat: "A1" } }]);
  // @ts-expect-error the seat is missing
  void client.submit("book", { name: "Ada" });
  // @ts-expect-error a seat is a string
  void client.submit("book", { seat: 1 });
  // @ts-expect-error this is the payload of another type
  void client.submitBatch("atomic", [{ type: "close", payload: { seat: "A1" } }]);
  // @ts-expect-error the state is read-only
  client.state.taken["A1"] = "me";
  // @ts-expect-error a verdict may be a rejection: its status has to be checked first
  void client.submit("close", {}).then((verdict) => verdict.eventId);
  void client.submit("book", { seat: "A1" }, { onConflict: (state) => ({ seat: Object.keys(state.taken)[0] ?? "" }) });

  const { usePartition, useSubmit } = createPartitionHooks<typeof seats>();
  const owner = usePartition((state) => state.taken["A1"]);
  const submit = useSubmit();
  // @ts-expect-error a seat is a string
  void submit("book", { seat: 1 });
  // @ts-expect-error only the server itself submits it
  void submit("expire", { seat: "A1" });
  return { client, owner, submitted: submit("book", { seat: "A1" }) };
}

describe("types", () => {
  it("[MD-1] [MD-17] [CL-4] all types come from the model, and wrong code does not compile", () => {
    expectTypeOf<ReturnType<typeof misuse>["client"]["state"]["taken"]>().toEqualTypeOf<
      Readonly<Record<string, string>>
    >();
    expectTypeOf<ReturnType<typeof misuse>["owner"]>().toEqualTypeOf<string | undefined>();
    expectTypeOf<ReturnType<typeof misuse>["submitted"]>().toEqualTypeOf<Promise<Verdict<EventOf<Payloads, "book">>>>();
    expectTypeOf(wrongCompensations).toBeFunction();
  });
});
