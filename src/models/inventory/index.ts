/**
 * Stock of items at locations, and reservations that expire.
 *
 * @module partita/models/inventory
 */
import * as z from "zod/mini";
import { defineModel, type Objection } from "../../model/index.ts";
import {
  closeHold,
  holdMs,
  isAboveLimit,
  noHold,
  objectionsToLines,
  objectionToEnd,
  objectionToHolds,
  openHold,
  openHoldOf,
  unknownStock,
} from "./holds.ts";
import { change, holdName, lines, name, namedHold, quantity, reason, reasonLengthMax, time } from "./shapes.ts";
import { available, changeStock, type Inventory, stockOf } from "./stock.ts";

export type { Hold, Inventory, Item, Line, Stock } from "./stock.ts";

/**
 * An inventory: stock by item and location, in whole units. `reserve` holds units for ten minutes, several items all or
 * none; `confirm` takes them, `release` gives them back; `settle` does either with the hold of another. A hold
 * ends by an event only, also when it expires: what is first in the log counts.
 *
 * Whose a hold is follows from the author of its event, so no payload can claim it. Readers see pseudonyms.
 */
export const inventory = defineModel({
  name: "inventory",
  // 2: open holds are counted.
  version: 2,
  authors: "pseudonym",
  initialState: (): Inventory => ({
    items: {},
    holds: {},
    openHolds: 0,
    holders: {},
    totals: { onHand: 0, held: 0, reserved: 0, short: 0 },
  }),
  invariants: {
    "no stock is below what is held of it, or below zero": ({ totals }) => totals.short === 0,
    "the stock holds what the holds have reserved": ({ totals }) => totals.held === totals.reserved,
  },
  events: {
    restock: {
      payload: z.strictObject({ item: name, location: name, quantity }),
      entity: ({ payload }) => payload.item,
      validate: (state, { payload }) => objectionToTotal(state.totals.onHand, payload.quantity, "payload.quantity"),
      reduce(state, { payload }) {
        changeStock(state, payload, { onHand: payload.quantity });
      },
      compensate: (_, { payload: { item, location, quantity: units } }) => ({
        type: "adjust",
        payload: { item, location, by: -units, reason: "undo of a restock" },
      }),
    },

    adjust: {
      payload: z.strictObject({ item: name, location: name, by: change, reason }),
      entity: ({ payload }) => payload.item,
      validate(state, { payload }) {
        const stock = stockOf(state, payload);
        if (!stock) return unknownStock("payload.item", payload);
        if (available(stock) + payload.by < 0) {
          return {
            field: "payload.by",
            code: "INSUFFICIENT_STOCK",
            message: `${stock.onHand} are there, and ${stock.held} of them are held.`,
          };
        }
        return objectionToTotal(state.totals.onHand, payload.by, "payload.by");
      },
      reduce(state, { payload }) {
        changeStock(state, payload, { onHand: payload.by });
      },
      compensate: (_, { payload: { by, reason: why, ...where } }) => ({
        type: "adjust",
        payload: { ...where, by: -by, reason: `undo of: ${why}`.slice(0, reasonLengthMax).toWellFormed() },
      }),
    },

    limit: {
      payload: z.strictObject({
        item: name,
        /** Units that one holder may have, held and taken together; null: no limit, and what was taken is forgotten. */
        perHolder: z.nullable(quantity),
      }),
      entity: ({ payload }) => payload.item,
      validate(state, { payload: { item } }) {
        return state.items[item] ? undefined : noItem(item);
      },
      reduce(state, { payload: { item, perHolder } }) {
        const limited = state.items[item]!;
        if (perHolder !== null) limited.perHolder = perHolder;
        else {
          delete limited.perHolder;
          limited.taken = {};
        }
      },
      compensate(state, { payload: { item, perHolder } }) {
        const { perHolder: before = null, taken } = state.items[item]!;
        // No event restores what is forgotten.
        if (perHolder === null && Object.keys(taken).length > 0) return undefined;
        return { type: "limit", payload: { item, perHolder: before } };
      },
    },

    remove: {
      shrinks: true,
      payload: z.strictObject({ item: name }),
      entity: ({ payload }) => payload.item,
      validate(state, { payload: { item } }) {
        const found = state.items[item];
        if (!found) return noItem(item);
        if (Object.values(found.stock).every(({ onHand }) => onHand === 0)) return undefined;
        return {
          field: "payload.item",
          code: "STOCK_LEFT",
          message: `There are units of "${item}": adjust them to 0.`,
        };
      },
      reduce(state, { payload: { item } }) {
        delete state.items[item];
      },
    },

    reserve: {
      payload: z.strictObject({ hold: holdName, lines }),
      validate(state, { payload: { hold, lines: wanted }, author }) {
        const objections = objectionsToLines(state, wanted, author);
        if (state.holds[hold]) {
          objections.push({
            field: "payload.hold",
            code: "HOLD_EXISTS",
            message: `There is a hold "${hold}" already.`,
          });
        }
        const tooMany = objectionToHolds(state, author);
        if (tooMany) objections.push(tooMany);
        return objections;
      },
      reduce(state, { payload, author = "", timestamp }) {
        openHold(state, payload.hold, { holder: author, lines: payload.lines, expiresAt: timestamp + holdMs });
      },
      compensate: (_, { payload: { hold } }) => ({ type: "release", payload: { hold } }),
    },

    confirm: {
      payload: z.strictObject(namedHold),
      validate: (state, { payload, author }) => objectionToEnd(state, payload, author),
      reduce(state, { payload }) {
        closeHold(state, payload.hold, "confirmed");
      },
    },

    release: {
      payload: z.strictObject(namedHold),
      validate: (state, { payload, author }) => objectionToEnd(state, payload, author),
      reduce(state, { payload }) {
        closeHold(state, payload.hold, "released");
      },
      compensate(state, { payload: { hold } }) {
        const { holder, lines } = state.holds[hold]!;
        // The limit was lowered since: nobody gets back what is above it.
        if (lines.some(({ item }) => isAboveLimit(state, item, holder))) return undefined;
        return {
          type: "reserve",
          payload: { hold, lines: lines.map(({ item, location, quantity }) => ({ item, location, quantity })) },
        };
      },
    },

    /** Ends the hold of another: for the seller, and for the service that takes the payment. It needs a permission of its own. */
    settle: {
      payload: z.strictObject({ ...namedHold, outcome: z.enum(["confirmed", "released"]), reason }),
      validate: (state, { payload }) => (openHoldOf(state, payload) ? undefined : noHold(payload.hold)),
      reduce(state, { payload }) {
        closeHold(state, payload.hold, payload.outcome);
      },
    },

    /** Submitted by the timer that the hold has set, see `partita/models/inventory/effects`. */
    expire: {
      internal: true,
      shrinks: true,
      payload: z.strictObject({ hold: holdName, expiresAt: time }),
      validate: (state, { payload }) => (openHoldOf(state, payload) ? undefined : noHold(payload.hold)),
      reduce(state, { payload }) {
        closeHold(state, payload.hold, "released");
      },
    },
  },
});

function noItem(item: string): Objection {
  return { field: "payload.item", code: "STOCK_NOT_FOUND", message: `There is no item "${item}".` };
}

/** Sums stay exact up to 2^53 − 1. */
function objectionToTotal(onHand: number, by: number, field: string): Objection | undefined {
  if (onHand + by <= Number.MAX_SAFE_INTEGER) return undefined;
  return { field, code: "STOCK_OVERFLOW", message: "The inventory cannot count more than 2^53 − 1 units." };
}
