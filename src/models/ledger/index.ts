/**
 * A ledger: accounts, and transfers between them by double entry.
 *
 * @module partita/models/ledger
 */
export { auditLedger, type LedgerAudit, type TrialBalance } from "./audit.ts";
export type { Account, Hold, KeptTransfer, Ledger, Leg, Sums } from "./book.ts";
export { formatAmount, minorDigits, parseAmount } from "./currencies.ts";
export { ledger } from "./model.ts";
export {
  type AuditKey,
  checkEntry,
  checkGrowth,
  type Entry,
  type Growth,
  type GrowthResult,
  type ProofFault,
  type ProofResult,
} from "./proof.ts";
export type { AuditedEvent, AuditHead } from "../../protocol/index.ts";
export { type AccountStatement, type Period, type StatementEntry, statementOf } from "./statement.ts";
