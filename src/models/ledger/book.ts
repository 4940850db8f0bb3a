// All amounts are in minor units of the currency of their account.

export interface Account {
  currency: string;
  /** The principal who may pay from it. */
  owner: string;
  balance: number;
  /** What holds have reserved of it. */
  held: number;
  /** How many open holds are on it. */
  holds: number;
  /** How far below zero the balance without what is held may be; absent: not at all; null: without a bound. */
  overdraft?: number | null;
  /** What one transfer or hold may pay at most; absent: without a bound. */
  perTransfer?: number;
  /** What transfers and holds may pay in one day (UTC) at most; absent: without a bound. */
  perDay?: number;
  /** What was paid in the last day in which something was paid; absent: it was never counted. */
  paid?: { day: number; amount: number };
  /** It pays nothing but what `post` and `reverse` move. */
  frozen?: true;
  /** It has nothing, and never will have. */
  closed?: true;
}

export interface Leg {
  account: string;
  /** Negative: the account pays it. Positive: it receives it. */
  amount: number;
}

export interface Hold {
  from: string;
  to: string;
  amount: number;
  /** Days since 1970: the day whose limit it counts in. */
  day: number;
  /** Milliseconds since 1970. */
  expiresAt: number;
}

/** A transfer that can be reversed. */
export interface KeptTransfer {
  legs: Leg[];
  /** The time of its event, in milliseconds since 1970: a later transfer of the same name has another one. */
  at: number;
  reversed?: true;
  /** The transfer after it. */
  next?: string;
}

/** The sums of a currency. */
export interface Sums {
  /** Of all balances: zero between two events. */
  balance: number;
  /** Of what is held, as the accounts count it. */
  held: number;
  /** Of what is held, as the holds count it. */
  reserved: number;
}

/** The state of a ledger. */
export interface Ledger {
  accounts: Record<string, Account>;
  /** The open holds. */
  holds: Record<string, Hold>;
  /** How many they are. */
  openHolds: number;
  /** The newest transfers, as a list from `oldest` to `newest`: at most `legsKeptMax` legs. */
  transfers: Record<string, KeptTransfer>;
  oldest?: string;
  newest?: string;
  /** The legs of all transfers that are kept. */
  legsKept: number;
  sums: Record<string, Sums>;
  /** The trial balance, in counts: with them the invariants cost the same, however many accounts there are. */
  trial: {
    /** Currencies whose balances do not sum to zero. */
    unbalanced: number;
    /** Currencies in which accounts and holds count what is held differently. */
    mismatched: number;
    /** Accounts that owe more than their overdraft. */
    overdrawn: number;
  };
}

/**
 * Legs of the transfers that can be reversed by their name: about 8,000 transfers of two legs, which take 4 MB of the
 * 40 MiB that a state may have. An older one is reversed by an opposite one.
 */
export const legsKeptMax = 16_384;

const msPerDay = 24 * 60 * 60_000;

/** Days since 1970 (UTC). */
export function dayOf(timestamp: number): number {
  return Math.floor(timestamp / msPerDay);
}

/** What an account can pay; infinite: it has no bound. */
export function available({ balance, held, overdraft = 0 }: Readonly<Account>): number {
  return overdraft === null ? Infinity : balance - held + overdraft;
}

/** Every change of what an account has goes through here, so that sums and trial balance follow it. */
export function changeAccount(
  state: Ledger,
  name: string,
  by: { balance?: number; held?: number; overdraft?: number | null },
): void {
  const account = state.accounts[name]!;
  const sums = state.sums[account.currency]!;
  const { trial } = state;
  const { balance = 0, held = 0, overdraft } = by;
  const before = { overdrawn: available(account) < 0, unbalanced: sums.balance !== 0 };
  if (overdraft === 0) delete account.overdraft;
  else if (overdraft !== undefined) account.overdraft = overdraft;
  if (balance !== 0) {
    account.balance += balance;
    sums.balance += balance;
    trial.unbalanced += Number(sums.balance !== 0) - Number(before.unbalanced);
  }
  if (held !== 0) {
    account.held += held;
    changeSums(state, account.currency, "held", held);
  }
  trial.overdrawn += Number(available(account) < 0) - Number(before.overdrawn);
}

/** Changes a sum of what is held. */
function changeSums(state: Ledger, currency: string, name: "held" | "reserved", by: number): void {
  const sums = state.sums[currency]!;
  const before = sums.held !== sums.reserved;
  sums[name] += by;
  state.trial.mismatched += Number(sums.held !== sums.reserved) - Number(before);
}

/** Adds what an account pays to what counts in the limit of its day; negative: gives it back, if the day still is that. */
function countPaid(account: Account, day: number, amount: number): void {
  const { paid } = account;
  if (paid && paid.day >= day) {
    if (amount > 0 || paid.day === day) paid.amount = Math.min(paid.amount + amount, Number.MAX_SAFE_INTEGER);
  } else if (amount > 0) account.paid = { day, amount };
}

/** Moves legs that balance, for whom no limit counts. */
export function moveLegs(state: Ledger, legs: readonly Leg[]): void {
  for (const { account, amount } of legs) changeAccount(state, account, { balance: amount });
}

/** Moves legs that balance, and counts what is paid in the limits of the day. */
export function payLegs(state: Ledger, legs: readonly Leg[], timestamp: number): void {
  for (const { account, amount } of legs) {
    if (amount < 0) countPaid(state.accounts[account]!, dayOf(timestamp), -amount);
  }
  moveLegs(state, legs);
}

/** Keeps a transfer, so that it can be reversed. */
export function keepTransfer(state: Ledger, name: string, legs: readonly Leg[], at: number): void {
  state.transfers[name] = { legs: legs.map(({ account, amount }) => ({ account, amount })), at };
  if (state.newest === undefined) state.oldest = name;
  else state.transfers[state.newest]!.next = name;
  state.newest = name;
  state.legsKept += legs.length;
  while (state.legsKept > legsKeptMax) forgetOldest(state);
}

/** One that is not the only one: `legsKeptMax` is more than one transfer has. */
function forgetOldest(state: Ledger): void {
  const oldest = state.oldest!;
  const { legs, next } = state.transfers[oldest]!;
  state.legsKept -= legs.length;
  delete state.transfers[oldest];
  state.oldest = next!;
}

export function openHold(state: Ledger, name: string, hold: Hold): void {
  state.holds[name] = hold;
  state.openHolds++;
  const account = state.accounts[hold.from]!;
  account.holds++;
  countPaid(account, hold.day, hold.amount);
  changeSums(state, account.currency, "reserved", hold.amount);
  changeAccount(state, hold.from, { held: hold.amount });
}

/** Ends a hold at the time `at`. `captured`: what of it is paid; the rest counts in no limit. */
export function closeHold(state: Ledger, name: string, captured: number, at: number): void {
  const { from, to, amount, day } = state.holds[name]!;
  const account = state.accounts[from]!;
  delete state.holds[name];
  state.openHolds--;
  account.holds--;
  changeSums(state, account.currency, "reserved", -amount);
  changeAccount(state, from, { held: -amount });
  if (captured < amount) countPaid(account, day, captured - amount);
  if (captured === 0) return;
  const legs = [
    { account: from, amount: -captured },
    { account: to, amount: captured },
  ];
  moveLegs(state, legs);
  keepTransfer(state, name, legs, at);
}
