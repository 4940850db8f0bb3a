import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import { defineModel } from "../../src/model/index.ts";

/** It becomes the key of a timer. */
const order = z.string().check(z.regex(/^[\w-]{1,32}$/));

/** A shop, which reserves in the stock, and asks for a review a day after it was paid. */
export const shop = defineModel({
  name: "shop",
  version: 1,
  initialState: () => ({ paid: [] as string[], reserved: 0, soldOut: 0, reviews: 0 }),
  events: {
    pay: {
      payload: z.strictObject({ order }),
      reduce: (state, { payload }) => void state.paid.push(payload.order),
    },
    reserved: {
      internal: true,
      payload: z.object({ effectId: z.string(), partition: z.string(), eventId: z.number() }),
      reduce: (state) => void state.reserved++,
    },
    soldOut: {
      internal: true,
      payload: z.object({ effectId: z.string(), partition: z.string(), code: z.string(), detail: z.string() }),
      reduce: (state) => void state.soldOut++,
    },
    askForReview: {
      internal: true,
      payload: z.strictObject({ order: z.string() }),
      reduce: (state) => void state.reviews++,
    },
  },
});

export const dayMs = 24 * 60 * 60 * 1_000;

export const shopEffects = defineEffects(shop, {
  pay: (_, { payload: { order }, timestamp }) => [
    {
      kind: "submit",
      partition: "stock",
      type: "reserve",
      payload: { order },
      acceptedAs: "reserved",
      rejectedAs: "soldOut",
    },
    { kind: "webhook", type: "order.paid", payload: { order } },
    { kind: "queue", queue: "MAIL", payload: { order } },
    { kind: "schedule", key: order, at: timestamp + dayMs, type: "askForReview", payload: { order } },
  ],
});

export const stock = defineModel({
  name: "stock",
  version: 1,
  initialState: () => ({ left: 1 }),
  accepts: [{ from: "shop", types: ["reserve"] }],
  events: {
    reserve: {
      payload: z.strictObject({ order: z.string() }),
      validate: ({ left }) =>
        left > 0 ? undefined : { field: "payload.order", code: "SOLD_OUT", message: "Sold out." },
      reduce: (state) => void state.left--,
    },
  },
});

/** A document whose titles had another name before version 3, and no language before version 2. */
export const notes = defineModel({
  name: "notes",
  version: 2,
  initialState: () => ({ titles: {} as Record<string, string> }),
  events: {
    title: {
      version: 3,
      payload: z.strictObject({ language: z.string(), title: z.string() }),
      olderPayloads: { 1: z.strictObject({ name: z.string() }) },
      upcast: {
        1: (payload) => ({ ...payload, language: "en" }),
        2: ({ name, ...payload }) => ({ ...payload, title: name! }),
      },
      reduce: (state, { payload }) => void (state.titles[payload.language] = payload.title),
    },
  },
});
