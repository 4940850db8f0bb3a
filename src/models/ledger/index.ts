/**
 * A ledger: accounts, and transfers between them by double entry.
 *
 * @module partita/models/ledger
 */
export { auditLedger, type LedgerAudit, type TrialBalance } from "./audit.ts";
export type { Account, Hold, KeptTransfer, Ledger, Leg, Sums } from "./book.ts";
export { formatAmount, minorDigits, parseAmount } from "./currencies.ts";
export { ledger } from "./model.ts";
export { type AccountStatement, type Period, type StatementEntry, statementOf } from "./statement.ts";
