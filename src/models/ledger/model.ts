import * as z from "zod/mini";
import { defineModel, type Objection } from "../../model/index.ts";
import {
  type Account,
  changeAccount,
  closeHold,
  dayOf,
  keepTransfer,
  type Ledger,
  type Leg,
  moveLegs,
  openHold,
  payLegs,
} from "./book.ts";
import {
  isOther,
  noHold,
  notYours,
  objectionsToLegs,
  objectionToAccount,
  objectionToFunds,
  objectionToHolds,
  objectionToName,
  objectionToPayment,
  openHoldOf,
  overflow,
  overflows,
} from "./rules.ts";
import { amount, currency, holdName, holdSeconds, legs, limit, memo, name, overdraft, owner, time } from "./shapes.ts";

/** How long a hold lasts that does not say it: a week, in seconds, as card payments have. */
const holdSecondsDefault = 7 * 24 * 60 * 60;

const limits = {
  overdraft: z.optional(overdraft),
  perTransfer: z.optional(limit),
  perDay: z.optional(limit),
};

/** Removes the limits that are null, and sets the others. */
function setLimits(account: Account, given: { [Name in "perTransfer" | "perDay"]?: number | null | undefined }): void {
  for (const name of ["perTransfer", "perDay"] as const) {
    const value = given[name];
    if (value === null) delete account[name];
    else if (value !== undefined) account[name] = value;
  }
}

const opposite = (all: readonly Readonly<Leg>[]): Leg[] =>
  all.map(({ account, amount: units }) => ({ account, amount: -units }));

/**
 * A ledger in minor units: what each transfer moves sums to zero in each currency, so all balances always do.
 *
 * The owner of an account pays from it by `transfer` and `hold`. `open`, `limit`, `post`, `reverse`, `freeze`, `unfreeze`
 * and `close` are the bookkeeper's, and their permissions are given to no one else: who may `open` may also give the
 * account an overdraft without a bound. Events name their principals, so that the log says who
 * did what.
 */
export const ledger = defineModel({
  name: "ledger",
  // 2: transfers are kept with their times. 3: open holds are counted.
  version: 3,
  authors: "shown",
  audit: true,
  initialState: (): Ledger => ({
    accounts: {},
    holds: {},
    openHolds: 0,
    transfers: {},
    legsKept: 0,
    sums: {},
    trial: { unbalanced: 0, mismatched: 0, overdrawn: 0 },
  }),
  invariants: {
    "the balances of each currency sum to zero": ({ trial }) => trial.unbalanced === 0,
    "accounts and holds count the same as held": ({ trial }) => trial.mismatched === 0,
    "no account owes more than its overdraft": ({ trial }) => trial.overdrawn === 0,
  },
  events: {
    open: {
      payload: z.strictObject({ account: name, currency, owner: z.optional(owner), ...limits }),
      entity: ({ payload }) => payload.account,
      validate(state, { payload: { account } }) {
        if (!state.accounts[account]) return undefined;
        return { field: "payload.account", code: "NAME_TAKEN", message: `There is an account "${account}" already.` };
      },
      reduce(state, { payload, author = "" }) {
        const { account, currency: code, owner: named = author, overdraft: line, ...others } = payload;
        state.sums[code] ??= { balance: 0, held: 0, reserved: 0 };
        state.accounts[account] = { currency: code, owner: named, balance: 0, held: 0, holds: 0 };
        setLimits(state.accounts[account], others);
        if (line !== undefined) changeAccount(state, account, { overdraft: line });
      },
      compensate: (_, { payload: { account } }) => ({ type: "close", payload: { account } }),
    },

    limit: {
      payload: z
        .strictObject({ account: name, ...limits })
        .check(z.refine((given) => Object.keys(given).length > 1, { error: "State a limit." })),
      entity: ({ payload }) => payload.account,
      validate(state, { payload }) {
        const unusable = objectionToAccount(state, "payload.account", payload.account);
        if (unusable || payload.overdraft === undefined || payload.overdraft === null) return unusable;
        const { balance, held } = state.accounts[payload.account]!;
        if (balance - held + payload.overdraft >= 0) return undefined;
        return { field: "payload.overdraft", code: "OVERDRAFT_USED", message: "The account owes more than that now." };
      },
      reduce(state, { payload: { account, overdraft: line, ...others } }) {
        setLimits(state.accounts[account]!, others);
        if (line !== undefined) changeAccount(state, account, { overdraft: line });
      },
      compensate(state, { payload: { account, ...given } }) {
        const { overdraft: line = 0, perTransfer = null, perDay = null } = state.accounts[account]!;
        const before = { overdraft: line, perTransfer, perDay };
        const names = Object.keys(given) as (keyof typeof before)[];
        return {
          type: "limit",
          payload: { account, ...Object.fromEntries(names.map((each) => [each, before[each]])) },
        };
      },
    },

    transfer: {
      payload: z.strictObject({ transfer: name, legs, memo: z.optional(memo) }),
      validate: (state, { payload, author, timestamp }) =>
        [
          ...objectionsToLegs(state, payload.legs, { author, timestamp }),
          objectionToName(state, "payload.transfer", payload.transfer),
        ].filter((each) => each !== undefined),
      reduce(state, { payload, timestamp }) {
        payLegs(state, payload.legs, timestamp);
        keepTransfer(state, payload.transfer, payload.legs, timestamp);
      },
    },

    post: {
      payload: z.strictObject({ transfer: name, legs, memo }),
      validate: (state, { payload }) =>
        [
          ...objectionsToLegs(state, payload.legs, undefined),
          objectionToName(state, "payload.transfer", payload.transfer),
        ].filter((each) => each !== undefined),
      reduce(state, { payload, timestamp }) {
        moveLegs(state, payload.legs);
        keepTransfer(state, payload.transfer, payload.legs, timestamp);
      },
      compensate: (_, { payload: { transfer } }) => ({ type: "reverse", payload: { transfer, reason: "undo" } }),
    },

    hold: {
      payload: z.strictObject({
        hold: holdName,
        from: name,
        to: name,
        amount,
        seconds: z.optional(holdSeconds),
        memo: z.optional(memo),
      }),
      validate(state, { payload, author, timestamp }) {
        const { hold, from, to, amount: units } = payload;
        const objections = [
          objectionToName(state, "payload.hold", hold),
          objectionToAccount(state, "payload.from", from),
          objectionToAccount(state, "payload.to", to),
        ].filter((each) => each !== undefined);
        const [payer, payee] = [state.accounts[from], state.accounts[to]];
        if (objections.length > 0 || !payer || !payee) return objections;
        if (from === to || payer.currency !== payee.currency) {
          return {
            field: "payload.to",
            code: "CURRENCY_MISMATCH",
            message: "Hold for another account of one currency.",
          };
        }
        const tooMany = objectionToHolds(state, payer);
        if (tooMany) return tooMany;
        const field = { account: "payload.from", amount: "payload.amount" };
        return (
          objectionToPayment(payer, from, units, { author, timestamp }, field) ??
          objectionToFunds(payer, from, units, field.amount) ??
          (overflows(state.sums[payer.currency]!.held + units) ? overflow(field.amount, from) : undefined)
        );
      },
      reduce(state, { payload: { hold, from, to, amount: units, seconds = holdSecondsDefault }, timestamp }) {
        const expiresAt = timestamp + seconds * 1_000;
        openHold(state, hold, { from, to, amount: units, day: dayOf(timestamp), expiresAt });
      },
    },

    capture: {
      payload: z.strictObject({
        hold: holdName,
        /** When the hold expires: a later one of the same name does so at another time. */
        expiresAt: z.optional(time),
        /** What is paid; absent: all of the hold. The rest is released. */
        amount: z.optional(amount),
      }),
      validate(state, { payload, author }) {
        const hold = openHoldOf(state, payload);
        if (!hold) return noHold(payload.hold);
        const { from, to, amount: held } = hold;
        const { amount: units = held } = payload;
        if (units > held) {
          return { field: "payload.amount", code: "ABOVE_HOLD", message: "A hold pays what it has reserved at most." };
        }
        const unusable = objectionToAccount(state, "payload.hold", to);
        if (unusable) return unusable;
        const payee = state.accounts[to]!;
        if (isOther(payee, author)) return notYours("payload.hold", to);
        if (state.accounts[from]!.frozen) {
          return { field: "payload.hold", code: "ACCOUNT_FROZEN", message: `The account "${from}" is frozen.` };
        }
        return overflows(payee.balance + units) ? overflow("payload.amount", to) : undefined;
      },
      reduce(state, { payload, timestamp }) {
        closeHold(state, payload.hold, payload.amount ?? state.holds[payload.hold]!.amount, timestamp);
      },
    },

    release: {
      payload: z.strictObject({ hold: holdName, expiresAt: z.optional(time) }),
      validate(state, { payload, author }) {
        const hold = openHoldOf(state, payload);
        if (!hold) return noHold(payload.hold);
        // The money is promised: only who would get it gives it back before its time.
        return isOther(state.accounts[hold.to]!, author) ? notYours("payload.hold", hold.to) : undefined;
      },
      reduce(state, { payload, timestamp }) {
        closeHold(state, payload.hold, 0, timestamp);
      },
    },

    /** Submitted by the timer that the hold has set, see `partita/models/ledger/effects`. */
    expire: {
      internal: true,
      shrinks: true,
      payload: z.strictObject({ hold: holdName, expiresAt: time }),
      validate: (state, { payload }) => (openHoldOf(state, payload) ? undefined : noHold(payload.hold)),
      reduce(state, { payload, timestamp }) {
        closeHold(state, payload.hold, 0, timestamp);
      },
    },

    reverse: {
      payload: z.strictObject({
        transfer: name,
        /** The time of the transfer's event: a later one of the same name has another time. */
        at: z.optional(time),
        reason: memo,
      }),
      validate(state, { payload: { transfer, at } }) {
        const field = "payload.transfer";
        const kept = state.transfers[transfer];
        if (!kept || (at !== undefined && kept.at !== at)) {
          const message = `"${transfer}" is not among the newest transfers: move the money back by an opposite one.`;
          return { field, code: "TRANSFER_NOT_FOUND", message };
        }
        if (kept.reversed) return { field, code: "ALREADY_REVERSED", message: `"${transfer}" is reversed already.` };
        const objections = objectionsToLegs(state, opposite(kept.legs), undefined);
        return objections.map(({ code, message }): Objection => ({ field, code, message }));
      },
      reduce(state, { payload: { transfer } }) {
        const kept = state.transfers[transfer]!;
        kept.reversed = true;
        moveLegs(state, opposite(kept.legs));
      },
    },

    freeze: {
      payload: z.strictObject({ account: name, reason: memo }),
      entity: ({ payload }) => payload.account,
      validate(state, { payload: { account } }) {
        if (!state.accounts[account]?.frozen) return objectionToAccount(state, "payload.account", account);
        return { field: "payload.account", code: "ACCOUNT_FROZEN", message: `The account "${account}" is frozen.` };
      },
      reduce(state, { payload }) {
        state.accounts[payload.account]!.frozen = true;
      },
      compensate: (_, { payload: { account } }) => ({ type: "unfreeze", payload: { account, reason: "undo" } }),
    },

    unfreeze: {
      payload: z.strictObject({ account: name, reason: memo }),
      entity: ({ payload }) => payload.account,
      validate(state, { payload: { account } }) {
        if (state.accounts[account]?.frozen) return undefined;
        return { field: "payload.account", code: "NOT_FROZEN", message: `The account "${account}" is not frozen.` };
      },
      reduce(state, { payload }) {
        delete state.accounts[payload.account]!.frozen;
      },
      compensate: (_, { payload: { account } }) => ({ type: "freeze", payload: { account, reason: "undo" } }),
    },

    close: {
      payload: z.strictObject({ account: name }),
      entity: ({ payload }) => payload.account,
      validate(state, { payload: { account } }) {
        const unusable = objectionToAccount(state, "payload.account", account);
        if (unusable) return unusable;
        const { balance, holds } = state.accounts[account]!;
        if (balance === 0 && holds === 0) return undefined;
        return { field: "payload.account", code: "ACCOUNT_IN_USE", message: "It has a balance, or open holds." };
      },
      reduce(state, { payload }) {
        const account = state.accounts[payload.account]!;
        const { currency: code, owner: of } = account;
        // Its name is kept, so that no other account gets it and its statement.
        state.accounts[payload.account] = { currency: code, owner: of, balance: 0, held: 0, holds: 0, closed: true };
      },
    },
  },
});
