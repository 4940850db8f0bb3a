export type { Batch, Draft, Command } from "./commands.ts";
export { rejectionRetentionMs, socketSweepMs } from "./due.ts";
export type { Author, BatchOutcome, BatchVerdict, Effect, Outcome, Page, SessionState } from "./effects.ts";
export { Intake } from "./intake.ts";
export { Partition, type PartitionName } from "./partition.ts";
export type { Log, Ports } from "./ports.ts";
export type { SnapshotDraft } from "./snapshots.ts";
export type { Work } from "./work.ts";
export { newSession, Session } from "./session.ts";
