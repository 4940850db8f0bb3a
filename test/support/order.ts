// The example of docs/guide/sagas.md: reserve, pay, confirm.
import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel, defineSaga, noSagas, sagaEvents } from "../../src/model/index.ts";
import { sagaEffects } from "../../src/model/sagas/effects.ts";
import { inventory } from "../../src/models/inventory/index.ts";
import { ledger } from "../../src/models/ledger/index.ts";

const order = defineSaga("order", {
  input: z.strictObject({ item: z.string(), quantity: z.int(), account: z.string(), amount: z.int() }),
  steps: [
    {
      do: ({ item, quantity }, { saga }) => ({
        partition: "stock",
        type: "reserve",
        payload: { hold: saga, lines: [{ item, location: "hall", quantity }] },
      }),
      compensate: (_, { saga }) => ({ partition: "stock", type: "release", payload: { hold: saga } }),
    },
    {
      do: ({ account, amount }, { saga }) => ({
        partition: "bank",
        type: "post",
        payload: {
          transfer: saga,
          legs: [
            { account, amount: -amount },
            { account: "sales", amount },
          ],
          memo: "order",
        },
      }),
      compensate: (_, { saga }) => ({
        partition: "bank",
        type: "reverse",
        payload: { transfer: saga, reason: "the order was not confirmed" },
      }),
    },
    { do: (_, { saga }) => ({ partition: "stock", type: "confirm", payload: { hold: saga } }) },
  ],
});

export const shop = defineModel({
  name: "shop",
  version: 1,
  initialState: () => noSagas(),
  events: { ...sagaEvents(order) },
});
export const shopEffects = defineEffects(shop, { ...sagaEffects(order) });

export const stock = defineModel({
  ...inventory,
  accepts: [{ from: "shop", types: ["reserve", "confirm", "release"] }],
});
export const bank = defineModel({ ...ledger, accepts: [{ from: "shop", types: ["post", "reverse"] }] });
