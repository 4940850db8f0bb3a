import * as z from "zod/mini";
import { defineEffects } from "../../src/model/effects.ts";
import {
  defineModel,
  defineSaga,
  sagaEvents,
  type SagaLocal,
  type WithSagas,
  withSagas,
} from "../../src/model/index.ts";
import { sagaEffects } from "../../src/model/sagas/effects.ts";
import { type Ledger, ledger, moveLegs, objectionsToLegs, payLegs } from "../../src/models/ledger/index.ts";

/** The accounts in transit of each bank: what it owes to others, and what others owe to it. */
export const transit = "transit";
/** Where money waits that has arrived, and that nobody has yet. */
export const pending = "pending";

const name = z.string().check(z.minLength(1), z.maxLength(64));
const payment = z.strictObject({
  from: name,
  /** The bank in between, which both banks have an account with. */
  via: name,
  bank: name,
  to: name,
  amount: z.int().check(z.minimum(1)),
});

type Leg = { account: string; amount: number };
type Payment = z.input<typeof payment>;

const post = (partition: string, transfer: string, legs: Leg[]) => ({
  partition,
  type: "post",
  payload: { transfer, legs, memo: "between banks" },
});
const reverse = (partition: string, transfer: string) => ({
  partition,
  type: "reverse",
  payload: { transfer, reason: "compensation" },
});
const legs = (from: string, to: string, amount: number): Leg[] => [
  { account: from, amount: -amount },
  { account: to, amount },
];

/** A transfer to an account of another bank, by a bank in between. */
const transfer = defineSaga("pay", {
  input: payment,
  steps: [
    {
      do: ({ via, amount }, { saga }) => post(via, `${saga}.via`, legs("in", "out", amount)),
      compensate: ({ via }, { saga }) => reverse(via, `${saga}.via`),
    },
    {
      do: ({ bank, amount }, { saga }) => post(bank, `${saga}.in`, legs(transit, pending, amount)),
      compensate: ({ bank }, { saga }) => reverse(bank, `${saga}.in`),
      retries: 1,
    },
    { do: ({ bank, to, amount }, { saga }) => post(bank, `${saga}.to`, legs(pending, to, amount)) },
  ],
});

/** `holiday`: it accepts nothing from other banks. */
type Bank = Ledger & WithSagas & { holiday?: boolean };

const leaving = ({ from, amount }: Payment): Leg[] => legs(from, transit, amount);

/** What a transfer does in the bank of the payer: the money leaves the account with the verdict on the start. */
const local: SagaLocal<Bank, Payment> = {
  validate: (state, input, moment) =>
    objectionsToLegs(state, leaving(input), moment).map(({ code, message }) => ({
      field: "payload.input",
      code,
      message,
    })),
  started: (state, input, { timestamp }) => payLegs(state, leaving(input), timestamp),
  ended(state, input, { status }) {
    if (status === "COMPENSATED") moveLegs(state, legs(transit, input.from, input.amount));
  },
};

const ledgerEvents = withSagas(ledger).events;
const onHoliday = ({ holiday }: Pick<Bank, "holiday">) =>
  holiday ? { field: "payload", code: "ON_HOLIDAY", message: "The bank is on holiday." } : undefined;

/** A ledger whose accounts pay to those of other banks. */
export const bank = defineModel({
  ...ledger,
  ...withSagas(ledger),
  name: "bank",
  version: 1,
  accepts: [{ from: "bank-*", types: ["post", "reverse"] }],
  initialState: (): Bank => withSagas(ledger).initialState(),
  events: {
    ...ledgerEvents,
    post: {
      ...ledgerEvents.post,
      validate: (state, ...given) => onHoliday(state) ?? ledgerEvents.post.validate!(state, ...given),
    },
    reverse: {
      ...ledgerEvents.reverse,
      validate: (state, ...given) => onHoliday(state) ?? ledgerEvents.reverse.validate!(state, ...given),
    },
    holiday: {
      payload: z.strictObject({ holiday: z.boolean() }),
      reduce: (state, { payload }) => void (state.holiday = payload.holiday),
    },
    ...sagaEvents(transfer, local),
  },
});

export const bankEffects = defineEffects(bank, { ...sagaEffects(transfer) });
