import { describe, expectTypeOf, it } from "vitest";
import * as z from "zod/mini";
import { createClient, type Verdict } from "../../../src/client/index.ts";
import { createPartitionHooks } from "../../../src/client/react.ts";
import { defineModel } from "../../../src/model/index.ts";

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
    close: { payload: z.strictObject({}), reduce() {} },
    expire: {
      payload: z.strictObject({ seat: z.string() }),
      internal: true,
      reduce(state, { payload }) {
        delete state.taken[payload.seat];
      },
    },
  },
});

/** Never called: the test is that the wrong lines do not compile. */
function misuse() {
  const client = createClient({ url: "http://127.0.0.1", partition: "p", model: seats });
  void client.submit("book", { seat: "A1" });
  void client.submitBatch("atomic", [
    { type: "book", payload: { seat: "A1", name: "Ada" } },
    { type: "close", payload: {} },
  ]);
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
    expectTypeOf<ReturnType<typeof misuse>["submitted"]>().toEqualTypeOf<Promise<Verdict>>();
  });
});
