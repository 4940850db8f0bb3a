export type { Command, Draft } from "./commands.ts";
export { rejectionRetentionMs, socketSweepMs } from "./due.ts";
export type { Author, Effect, Outcome, Page, SessionState, Subscriber } from "./effects.ts";
export { Partition, type PartitionName } from "./partition.ts";
export { describe, type Log, type Ports, type Random } from "./ports.ts";
export { Refusal } from "./refusal.ts";
export { newSession, Session } from "./session.ts";
