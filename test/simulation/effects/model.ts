import * as z from "zod/mini";
import { defineEffects, type Effect } from "../../../src/model/effects.ts";
import { defineModel } from "../../../src/model/index.ts";

/** How a partition is named. */
export const nodeName = (at: number): string => `node-${at}`;

/** What one partition tells another: `token` is unique in a run; one that ends in "!" is rejected. */
const told = z.strictObject({ token: z.string(), hops: z.int() });
const tell = z.strictObject({
  tell: z.array(z.strictObject({ to: z.string(), token: z.string(), answered: z.boolean(), hops: z.int() })),
});

/** Partitions that tell each other tokens, and pass on those that have hops left. */
export const gossip = defineModel({
  name: "gossip",
  version: 1,
  initialState: () => ({ told: 0, answers: 0 }),
  events: {
    tell: { payload: tell, reduce: () => {} },
    told: {
      payload: told,
      validate: (_, { payload }) =>
        payload.token.endsWith("!") ? { field: "payload.token", code: "BAD", message: "It ends badly." } : undefined,
      reduce: (state) => void state.told++,
    },
    accepted: {
      internal: true,
      payload: z.strictObject({ effectId: z.string(), partition: z.string(), eventId: z.int() }),
      reduce: (state) => void state.answers++,
    },
    rejected: {
      internal: true,
      payload: z.strictObject({ effectId: z.string(), partition: z.string(), code: z.string(), detail: z.string() }),
      reduce: (state) => void state.answers++,
    },
  },
  accepts: [{ from: "node-*", types: ["told"] }],
});

export const gossipEffects = defineEffects(gossip, {
  tell: (_, { payload }) =>
    payload.tell.map(({ to, token, answered, hops }): Effect => {
      const answers = answered ? { acceptedAs: "accepted", rejectedAs: "rejected" } : {};
      return { kind: "submit", partition: to, type: "told", payload: { token, hops }, ...answers };
    }),
  told: (_, { payload }, { partition }) =>
    payload.hops > 0
      ? {
          kind: "submit",
          partition: partition === nodeName(0) ? nodeName(1) : nodeName(0),
          type: "told",
          payload: { token: `${payload.token}>`, hops: payload.hops - 1 },
        }
      : undefined,
});
