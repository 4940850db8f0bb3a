// The ledger once more, on plain data and without any code of the product: a list of movements that is summed for each
// question, where the model has running totals.

/** JSON of a test: its shape is known where it is used. */
type Plain = any;

interface NaiveAccount {
  currency: string;
  owner: string;
  overdraft: number | null;
  perTransfer: number | null;
  perDay: number | null;
  frozen: boolean;
  closed: boolean;
}
interface Leg {
  account: string;
  amount: number;
}

/** What the naive ledger keeps. */
export interface NaiveLedger {
  accounts: Record<string, NaiveAccount>;
  movements: Leg[];
  /** What counts in the limit of a day. */
  payments: { account: string; day: number; amount: number }[];
  holds: Record<string, { from: string; to: string; amount: number; day: number; expiresAt: number }>;
  transfers: Record<string, { legs: Leg[]; reversed: boolean }>;
}

export const emptyLedger = (): NaiveLedger => ({ accounts: {}, movements: [], payments: [], holds: {}, transfers: {} });

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
const dayMs = 86_400_000;

const balanceIn = (state: NaiveLedger, account: string): number =>
  sum(state.movements.filter((leg) => leg.account === account).map(({ amount }) => amount));
const holdsOn = (state: NaiveLedger, account: string) =>
  Object.values(state.holds).filter(({ from }) => from === account);
const heldIn = (state: NaiveLedger, account: string): number =>
  sum(holdsOn(state, account).map(({ amount }) => amount));
const paidOn = (state: NaiveLedger, account: string, day: number): number =>
  sum(state.payments.filter((each) => each.account === account && each.day === day).map(({ amount }) => amount));

/** Applies an event of a valid shape. False: it is rejected, and the state is unchanged. */
export function applyToLedger(
  state: NaiveLedger,
  { type, payload, author, timestamp }: { type: string; payload: Plain; author: string; timestamp: number },
): boolean {
  const { accounts, holds, transfers } = state;
  const day = Math.floor(timestamp / dayMs);
  const account = accounts[payload.account];
  const hold = holds[payload.hold];
  const isOpen = (name: string) => accounts[name] !== undefined && !accounts[name].closed;
  const isFree = (name: string) => !holds[name] && !transfers[name];
  const canPay = (name: string, amount: number): boolean => {
    const { overdraft } = accounts[name]!;
    return overdraft === null || balanceIn(state, name) - heldIn(state, name) + overdraft >= amount;
  };
  const mayPay = (name: string, amount: number): boolean => {
    const { owner, frozen, perTransfer, perDay } = accounts[name]!;
    if (owner !== author || frozen || (perTransfer !== null && amount > perTransfer)) return false;
    return perDay === null || paidOn(state, name, day) + amount <= perDay;
  };
  const canMove = (legs: Leg[], byOwner: boolean): boolean => {
    if (!legs.every((leg) => isOpen(leg.account))) return false;
    const currencies = new Set(legs.map((leg) => accounts[leg.account]!.currency));
    for (const currency of currencies) {
      if (sum(legs.filter((leg) => accounts[leg.account]!.currency === currency).map((leg) => leg.amount)) !== 0) {
        return false;
      }
    }
    const paying = legs.filter(({ amount }) => amount < 0);
    return paying.every((leg) => canPay(leg.account, -leg.amount) && (!byOwner || mayPay(leg.account, -leg.amount)));
  };
  const setLimits = (of: NaiveAccount): void => {
    for (const name of ["overdraft", "perTransfer", "perDay"] as const) {
      if (payload[name] !== undefined) of[name] = payload[name];
    }
  };
  switch (type) {
    case "open": {
      if (account) return false;
      const { owner = author, currency } = payload;
      const limits = { overdraft: 0, perTransfer: null, perDay: null };
      accounts[payload.account] = { currency, owner, ...limits, frozen: false, closed: false };
      setLimits(accounts[payload.account]!);
      return true;
    }
    case "limit": {
      if (!account || account.closed) return false;
      const { overdraft } = payload;
      const left = balanceIn(state, payload.account) - heldIn(state, payload.account);
      if (typeof overdraft === "number" && left + overdraft < 0) return false;
      setLimits(account);
      return true;
    }
    case "transfer":
    case "post":
      if (!isFree(payload.transfer) || !canMove(payload.legs, type === "transfer")) return false;
      for (const leg of payload.legs as Leg[]) {
        state.movements.push({ ...leg });
        if (type === "transfer" && leg.amount < 0) {
          state.payments.push({ account: leg.account, day, amount: -leg.amount });
        }
      }
      transfers[payload.transfer] = { legs: structuredClone(payload.legs), reversed: false };
      return true;
    case "hold": {
      const { from, to, amount, seconds = 604_800 } = payload;
      if (!isFree(payload.hold) || !isOpen(from) || !isOpen(to) || from === to) return false;
      if (accounts[from]!.currency !== accounts[to]!.currency || holdsOn(state, from).length >= 1_000) return false;
      if (!canPay(from, amount) || !mayPay(from, amount)) return false;
      holds[payload.hold] = { from, to, amount, day, expiresAt: timestamp + seconds * 1_000 };
      state.payments.push({ account: from, day, amount });
      return true;
    }
    case "capture":
    case "expire":
    case "release": {
      if (!hold || (type === "expire" ? payload.expiresAt !== hold.expiresAt : accounts[hold.to]!.owner !== author)) {
        return false;
      }
      const { amount = hold.amount } = payload;
      const paid = type === "capture" ? amount : 0;
      if (paid > hold.amount || (paid > 0 && (accounts[hold.to]!.closed || accounts[hold.from]!.frozen))) return false;
      delete holds[payload.hold];
      state.payments.push({ account: hold.from, day: hold.day, amount: paid - hold.amount });
      if (paid === 0) return true;
      const legs = [
        { account: hold.from, amount: -paid },
        { account: hold.to, amount: paid },
      ];
      state.movements.push(...legs);
      transfers[payload.hold] = { legs, reversed: false };
      return true;
    }
    case "reverse": {
      const kept = transfers[payload.transfer];
      if (!kept || kept.reversed) return false;
      const legs = kept.legs.map((leg) => ({ account: leg.account, amount: -leg.amount }));
      if (!canMove(legs, false)) return false;
      state.movements.push(...legs);
      kept.reversed = true;
      return true;
    }
    case "freeze":
      if (!account || account.closed || account.frozen) return false;
      account.frozen = true;
      return true;
    case "unfreeze":
      if (!account?.frozen) return false;
      account.frozen = false;
      return true;
    case "close":
      if (!account || account.closed || balanceIn(state, payload.account) !== 0) return false;
      if (holdsOn(state, payload.account).length > 0) return false;
      Object.assign(account, { overdraft: 0, perTransfer: null, perDay: null, frozen: false, closed: true });
      return true;
  }
  return false;
}

/** What the state of the model says, as far as both count it. `day`: the present one, in days since 1970. */
export function ledgerView(state: Plain, day: number): Plain {
  const accounts = Object.entries<Plain>(state.accounts).map(([name, account]) => {
    const { currency, owner, balance, held, holds, overdraft = 0, perTransfer = null, perDay = null, paid } = account;
    const { frozen = false, closed = false } = account;
    const today = paid?.day === day ? paid.amount : 0;
    return [name, { currency, owner, balance, held, holds, overdraft, perTransfer, perDay, today, frozen, closed }];
  });
  const transfers = Object.entries<Plain>(state.transfers).map(([name, { legs, reversed = false }]) => [
    name,
    { legs, reversed },
  ]);
  return { accounts: Object.fromEntries(accounts), holds: state.holds, transfers: Object.fromEntries(transfers) };
}

/** The same of the naive ledger. */
export function naiveView(state: NaiveLedger, day: number): Plain {
  const accounts = Object.entries(state.accounts).map(([name, account]) => {
    const today = account.closed ? 0 : paidOn(state, name, day);
    const counts = { balance: balanceIn(state, name), held: heldIn(state, name), holds: holdsOn(state, name).length };
    return [name, { ...account, ...counts, today }];
  });
  return { accounts: Object.fromEntries(accounts), holds: state.holds, transfers: state.transfers };
}
