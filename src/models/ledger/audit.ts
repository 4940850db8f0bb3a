import type { DeepReadonly } from "../../model/index.ts";
import { available, type Ledger } from "./book.ts";

/** One line of the trial balance: all accounts of one currency, in minor units. */
export interface TrialBalance {
  /** What the accounts below zero owe together. */
  debit: bigint;
  /** What the accounts above zero have together. */
  credit: bigint;
  /** What is held of it. */
  held: bigint;
}

/** What the full sums say of a ledger. */
export interface LedgerAudit {
  /** By currency. */
  balances: Readonly<Record<string, TrialBalance>>;
  /** What is wrong, a sentence each. Empty: nothing. */
  faults: readonly string[];
}

/**
 * Sums all accounts and holds of a state, as one gets it from a client or from `GET state`, and compares the running
 * totals, by which the invariants are checked with each event, with these sums. It takes time in proportion to the
 * number of accounts and holds.
 */
export function auditLedger(ledger: DeepReadonly<Ledger>): LedgerAudit {
  const { accounts, holds, openHolds, sums, trial, transfers, legsKept } = ledger;
  const balances: Record<string, TrialBalance> = {};
  const faults: string[] = [];
  const heldBy = new Map<string, { amount: number; holds: number }>();
  const reserved = new Map<string, bigint>();
  for (const [name, { from, amount }] of Object.entries(holds)) {
    const account = accounts[from];
    if (!account) faults.push(`The hold "${name}" is of no account.`);
    else reserved.set(account.currency, (reserved.get(account.currency) ?? 0n) + BigInt(amount));
    const all = heldBy.get(from) ?? { amount: 0, holds: 0 };
    heldBy.set(from, { amount: all.amount + amount, holds: all.holds + 1 });
  }
  const open = Object.keys(holds).length;
  if (open !== openHolds) faults.push(`${open} holds are open, and ${openHolds} counted.`);
  for (const [name, account] of Object.entries(accounts)) {
    const { currency, balance, held, holds: count, closed } = account;
    const line = (balances[currency] ??= { debit: 0n, credit: 0n, held: 0n });
    if (balance < 0) line.debit -= BigInt(balance);
    else line.credit += BigInt(balance);
    line.held += BigInt(held);
    const expected = heldBy.get(name) ?? { amount: 0, holds: 0 };
    if (held !== expected.amount || count !== expected.holds) {
      faults.push(
        `The account "${name}" counts ${held} in ${count} holds, and has ${expected.amount} in ${expected.holds}.`,
      );
    }
    if (available(account) < 0) faults.push(`The account "${name}" owes more than its overdraft.`);
    if (closed && (balance !== 0 || held !== 0)) faults.push(`The account "${name}" is closed, and not empty.`);
  }
  for (const [currency, { debit, credit, held }] of Object.entries(balances)) {
    const running = sums[currency];
    if (debit !== credit) faults.push(`In ${currency} ${debit} are owed and ${credit} are had.`);
    if (!running || running.balance !== 0 || BigInt(running.held) !== held || running.held !== running.reserved) {
      faults.push(`The running totals of ${currency} are not those of its accounts.`);
    }
    if (held !== (reserved.get(currency) ?? 0n))
      faults.push(`In ${currency} holds and accounts differ in what is held.`);
  }
  if (trial.unbalanced !== 0 || trial.mismatched !== 0 || trial.overdrawn !== 0) {
    faults.push("The running trial balance counts faults.");
  }
  const legs = Object.values(transfers).reduce((total, transfer) => total + transfer.legs.length, 0);
  if (legs !== legsKept) faults.push(`${legs} legs are kept, and ${legsKept} counted.`);
  return { balances, faults };
}
