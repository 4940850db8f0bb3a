/**
 * A ledger: accounts, and transfers between them by double entry.
 *
 * @module partita/models/ledger
 */
export { auditLedger, type LedgerAudit, type TrialBalance } from "./audit.ts";
export {
  type Account,
  type Hold,
  type KeptTransfer,
  type Ledger,
  type Leg,
  moveLegs,
  payLegs,
  type Sums,
} from "./book.ts";
export { formatAmount, minorDigits, parseAmount } from "./currencies.ts";
export { ledger } from "./model.ts";
export { objectionsToLegs, type Payer } from "./rules.ts";
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
