import * as z from "zod/mini";
import { defineEffects, type Effect } from "../../../src/model/effects.ts";
import { defineModel } from "../../../src/model/index.ts";

/** How a partition is named. */
export const nodeName = (at: number): string => `node-${at}`;
/** The partitions with the inventory and with the ledger. */
export const stockName = "stock";
export const bankName = "bank";
/** What is sold, and the accounts of a node: what it pays from, and what it pays to. */
export const lamp = { item: "lamp", location: "shelf" } as const;
export const purseOf = (node: string): string => `${node}-purse`;
export const tillOf = (node: string): string => `${node}-till`;

/** What one partition tells another: `token` is unique in a run; one that ends in "!" is rejected. */
const told = z.strictObject({ token: z.string(), hops: z.int() });
const tell = z.strictObject({
  tell: z.array(z.strictObject({ to: z.string(), token: z.string(), answered: z.boolean(), hops: z.int() })),
  /** Messages to the endpoints of the tenant. */
  post: z.array(z.strictObject({ type: z.string(), token: z.string(), ordered: z.boolean() })),
  /** Orders: units of the stock are reserved, and money of the bank is held. */
  buy: z.array(z.strictObject({ order: z.string(), quantity: z.int(), amount: z.int(), seconds: z.int() })),
  /** Orders that end. */
  end: z.array(z.strictObject({ order: z.string(), paid: z.boolean() })),
});

/** What a `tell` asks for. */
export type Tell = z.infer<typeof tell>;

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

/** The effects of a `tell` of this node, in their order. */
export function effectsOfTell({ tell: told, post, buy, end }: Tell, node: string): Effect[] {
  const answers = { acceptedAs: "accepted", rejectedAs: "rejected" } as const;
  const to = (partition: string, type: string, payload: object, answered = true): Effect =>
    ({ kind: "submit", partition, type, payload, ...(answered ? answers : {}) }) as Effect;
  return [
    ...told.map(({ to: partition, token, answered, hops }) => to(partition, "told", { token, hops }, answered)),
    ...post.map(({ type, token, ordered }): Effect => ({ kind: "webhook", type, payload: { token }, ordered })),
    ...buy.flatMap(({ order, quantity, amount, seconds }) => [
      to(stockName, "reserve", { hold: order, lines: [{ ...lamp, quantity }] }),
      to(bankName, "hold", { hold: order, from: purseOf(node), to: tillOf(node), amount, seconds }),
    ]),
    ...end.flatMap(({ order, paid }) => [
      to(stockName, paid ? "confirm" : "release", { hold: order }),
      to(bankName, paid ? "capture" : "release", { hold: order }),
    ]),
  ];
}

/** What a token that arrives causes. */
export function effectOfTold({ token, hops }: { token: string; hops: number }, node: string): Effect | undefined {
  if (hops === 0) return undefined;
  const partition = node === nodeName(0) ? nodeName(1) : nodeName(0);
  return { kind: "submit", partition, type: "told", payload: { token: `${token}>`, hops: hops - 1 } };
}

export const gossipEffects = defineEffects(gossip, {
  tell: (_, { payload }, { partition }) => effectsOfTell(payload as Tell, partition),
  told: (_, { payload }, { partition }) => effectOfTold(payload, partition),
});
