import type { DeepReadonly, Objection } from "../../model/index.ts";
import { bounds } from "../../protocol/index.ts";
import { hasShareLeft } from "../../model/share.ts";
import { formatAmount } from "./currencies.ts";
import { type Account, available, dayOf, type Hold, type Ledger, type Leg } from "./book.ts";

type State = DeepReadonly<Ledger>;

/** Open holds on one account. */
const holdsPerAccountMax = 1_000;

/** Who pays, and when: the rules for payments by owners. */
export interface Payer {
  /** The principal; undefined: a client shows the draft, and does not know it. */
  author: string | undefined;
  /** Milliseconds since 1970. */
  timestamp: number;
}

function noAccount(field: string, name: string): Objection {
  return { field, code: "ACCOUNT_NOT_FOUND", message: `There is no account "${name}".` };
}

export function noHold(name: string): Objection {
  return { field: "payload.hold", code: "HOLD_NOT_FOUND", message: `There is no open hold "${name}".` };
}

/** The open hold of a name; of those of the same name the one that expires then, where that is stated. */
export function openHoldOf(
  state: State,
  { hold, expiresAt }: { hold: string; expiresAt?: number | undefined },
): DeepReadonly<Hold> | undefined {
  const open = state.holds[hold];
  return expiresAt === undefined || open?.expiresAt === expiresAt ? open : undefined;
}

export function notYours(field: string, name: string): Objection {
  return { field, code: "NOT_YOUR_ACCOUNT", message: `Only its owner acts for the account "${name}".` };
}

/** On a client the author of a draft may be unknown, as the owner of an account that such a draft opens: then the server decides. */
export function isOther(account: DeepReadonly<Account>, author: string | undefined): boolean {
  return author !== undefined && account.owner !== "" && account.owner !== author;
}

/** Why an account, whatever it receives or pays, cannot take part. */
export function objectionToAccount(state: State, field: string, name: string): Objection | undefined {
  const account = state.accounts[name];
  if (!account) return noAccount(field, name);
  if (account.closed) return { field, code: "ACCOUNT_CLOSED", message: `The account "${name}" is closed.` };
  return undefined;
}

/** Why the name of a transfer or hold is taken: both are kept under it. */
export function objectionToName(state: State, field: string, name: string): Objection | undefined {
  if (!state.holds[name] && !state.transfers[name]) return undefined;
  return { field, code: "NAME_TAKEN", message: `There is a transfer or a hold "${name}" already.` };
}

/** Why the owner cannot pay this much; the account is there. */
export function objectionToPayment(
  account: DeepReadonly<Account>,
  name: string,
  amount: number,
  { author, timestamp }: Payer,
  field: { account: string; amount: string },
): Objection | undefined {
  const { currency, frozen, perTransfer = Infinity, perDay = Infinity, paid } = account;
  if (isOther(account, author)) return notYours(field.account, name);
  if (frozen) return { field: field.account, code: "ACCOUNT_FROZEN", message: `The account "${name}" is frozen.` };
  if (amount > perTransfer) {
    const message = `The account "${name}" pays ${formatAmount(perTransfer, currency)} ${currency} at once at most.`;
    return { field: field.amount, code: "TRANSFER_LIMIT", message };
  }
  const today = paid && paid.day >= dayOf(timestamp) ? paid.amount : 0;
  if (today + amount > perDay) {
    const left = formatAmount(Math.max(perDay - today, 0), currency);
    const message = `The account "${name}" pays ${left} ${currency} more today at most.`;
    return { field: field.amount, code: "DAY_LIMIT", message };
  }
  return undefined;
}

/** Why the account does not have this much to pay, or cannot count it. */
export function objectionToFunds(
  account: DeepReadonly<Account>,
  name: string,
  amount: number,
  field: string,
): Objection | undefined {
  const { currency, balance, held } = account;
  const left = available(account);
  if (amount > left) {
    const message = `The account "${name}" can pay ${formatAmount(left, currency)} ${currency} now.`;
    return { field, code: "INSUFFICIENT_FUNDS", message };
  }
  return overflows(balance - held - amount) ? overflow(field, name) : undefined;
}

/** Why an account cannot have another hold: it has all that one may have, or its share of the timers, of which each hold has one. */
export function objectionToHolds({ openHolds }: State, { holds }: DeepReadonly<Account>): Objection | undefined {
  let message: string;
  if (holds >= holdsPerAccountMax) message = `An account has ${holdsPerAccountMax} open holds at most.`;
  else if (hasShareLeft(holds, openHolds, bounds.timersMax)) return undefined;
  else
    message = `${openHolds} holds are open here, ${holds} of them on this account: the others are for other accounts.`;
  return { field: "payload.hold", code: "TOO_MANY_HOLDS", message };
}

/** Whether a sum is not exact. */
export function overflows(sum: number): boolean {
  return !Number.isSafeInteger(sum);
}

export function overflow(field: string, name: string): Objection {
  return { field, code: "AMOUNT_OVERFLOW", message: `The account "${name}" cannot count so much: above 2^53 − 1.` };
}

/**
 * Why these legs cannot be moved: everything that is wrong with any of them. `payer` undefined: the bookkeeper moves
 * them, whom neither owners nor limits nor a freeze stop.
 */
export function objectionsToLegs(state: State, legs: readonly Leg[], payer: Payer | undefined): Objection[] {
  const objections: Objection[] = [];
  const sums = new Map<string, { paid: number; received: number }>();
  for (const [at, { account: name, amount }] of legs.entries()) {
    const field = { account: `payload.legs[${at}].account`, amount: `payload.legs[${at}].amount` };
    const unusable = objectionToAccount(state, field.account, name);
    if (unusable) {
      objections.push(unusable);
      continue;
    }
    const account = state.accounts[name]!;
    const sum = sums.get(account.currency) ?? { paid: 0, received: 0 };
    sums.set(account.currency, sum);
    let objection: Objection | undefined;
    if (amount > 0) {
      sum.received += amount;
      if (overflows(account.balance + amount)) objection = overflow(field.amount, name);
    } else {
      sum.paid -= amount;
      objection =
        (payer && objectionToPayment(account, name, -amount, payer, field)) ??
        objectionToFunds(account, name, -amount, field.amount);
    }
    if (objection) objections.push(objection);
  }
  // The sums of fewer legs would say what is not true.
  if (objections.some(({ code }) => code === "ACCOUNT_NOT_FOUND" || code === "ACCOUNT_CLOSED")) return objections;
  for (const [currency, { paid, received }] of sums) {
    if (overflows(paid) || overflows(received)) {
      const message = `The legs in ${currency} sum to more than 2^53 − 1.`;
      objections.push({ field: "payload.legs", code: "AMOUNT_OVERFLOW", message });
    } else if (paid !== received) {
      const [out, back] = [formatAmount(paid, currency), formatAmount(received, currency)];
      const message = `${out} ${currency} are paid, and ${back} ${currency} received.`;
      objections.push({ field: "payload.legs", code: "UNBALANCED", message });
    }
  }
  return objections;
}
