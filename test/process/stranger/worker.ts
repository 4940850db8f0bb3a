// The Worker of a shop, in which faults are injected: orders are sent to an endpoint, and taken from a stock.
import * as z from "zod/mini";
import { createAuthority, defineEffects, defineModel } from "../../../src/index.ts";
import { insieme } from "../../../src/models/insieme/index.ts";
import { allParts } from "../../../src/parts/index.ts";

const stock = defineModel({
  name: "stock",
  version: 1,
  accepts: [{ from: "shop-*", types: ["take"] }],
  initialState: () => ({ taken: 0 }),
  events: {
    take: {
      payload: z.strictObject({ count: z.int() }),
      validate: (_, { payload }) =>
        payload.count > 1_000
          ? { field: "payload.count", code: "TOO_MANY", message: "There are not so many in stock." }
          : undefined,
      reduce(state, { payload }) {
        state.taken += payload.count;
      },
    },
  },
});

const shop = defineModel({
  name: "shop",
  version: 1,
  initialState: () => ({ orders: 0, last: "" }),
  events: {
    order: {
      payload: z.strictObject({ count: z.int(), note: z.string() }),
      reduce(state, { payload }) {
        state.orders++;
        state.last = payload.note;
      },
    },
  },
});
const effects = defineEffects(shop, {
  order: (_, { payload: { count } }) => [
    { kind: "webhook", type: "order.placed", payload: { count } },
    { kind: "submit", partition: "stock", type: "take", payload: { count } },
  ],
});

const authority = createAuthority({
  models: { stock, "shop-*": shop, "board-*": insieme },
  effects: [effects],
  parts: allParts,
});

export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
export default authority.worker;
