import { foldEvent, State } from "../../model/index.ts";
import type { NumberedEvent } from "../../protocol/index.ts";
import type { Ledger } from "./book.ts";
import { ledger } from "./model.ts";

/** A time span, in milliseconds since 1970: from `from` on, before `to`. */
export interface Period {
  from: number;
  to: number;
}

/** An event that has changed the balance. */
export interface StatementEntry {
  eventId: number;
  /** Milliseconds since 1970. */
  timestamp: number;
  /** The event's type: `transfer`, `post`, `capture`, `reverse`. */
  type: string;
  /** The name of the transfer; of a capture, that of its hold. */
  transfer: string;
  /** Who did it. */
  author: string | undefined;
  memo: string | undefined;
  /** Minor units: negative if the account has paid. */
  amount: number;
  /** The balance after it, in minor units. */
  balance: number;
}

/** What an account has received and paid in a period. */
export interface AccountStatement {
  account: string;
  /** Undefined: the account is not in these events. */
  currency: string | undefined;
  period: Period;
  /** The balance before the first event of the period, in minor units. */
  opening: number;
  entries: readonly StatementEntry[];
  /** The balance after the last event of the period, in minor units. */
  closing: number;
}

/**
 * The statement of an account, from the events of the log in their order: pages of `GET events`, or what a client has
 * read. They begin with the first event, or with the one after `start`, a state of the ledger as `GET state` has it for
 * an event before the period: so that a long log is not read from its beginning. Nothing after the period is read.
 *
 * @throws FoldError if the events are not those of a ledger, or do not follow `start`.
 */
export async function statementOf(
  events: AsyncIterable<NumberedEvent> | Iterable<NumberedEvent>,
  account: string,
  period: Period,
  start: Ledger = ledger.initialState(),
): Promise<AccountStatement> {
  const state = new State<Ledger>(JSON.parse(JSON.stringify(start)) as Ledger);
  const read = () => state.read(({ accounts }) => accounts[account]?.balance ?? 0);
  let opening = read();
  let balance = opening;
  const entries: StatementEntry[] = [];
  for await (const { eventId, event } of events) {
    const { type, payload, timestamp, author } = event;
    if (timestamp >= period.to) break;
    foldEvent(ledger, state as State<object>, event);
    const before = balance;
    balance = read();
    if (timestamp < period.from) opening = balance;
    else if (balance !== before) {
      const transfer = String(payload["transfer"] ?? payload["hold"]);
      const memo = payload["memo"] ?? payload["reason"];
      entries.push({
        eventId,
        timestamp,
        type,
        transfer,
        author,
        memo: memo === undefined ? undefined : String(memo),
        amount: balance - before,
        balance,
      });
    }
  }
  const currency = state.read(({ accounts }) => accounts[account]?.currency);
  return { account, currency, period, opening, entries, closing: balance };
}
