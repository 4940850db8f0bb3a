/**
 * Tests for your own model, in any test runner on Node 22 or newer: fold a log, check stored events, two clients on a partition
 * in memory, and a simulation that searches for what your model gets wrong. docs/guide/testing.md explains it.
 *
 * @module partita/testing
 */
export type { DeviceOptions, TestDevice } from "./device.ts";
export { checkUpcasters, foldLog, type SampleProblem, type StoredEvent, UpcastError } from "./fold.ts";
export { Impurity } from "./globals.ts";
export {
  type SentMessage,
  type SentWebhook,
  type SetTimer,
  testAuthority,
  type TestAuthority,
  type TestAuthorityOptions,
  testPartition,
  type TestPartition,
} from "./partition.ts";
export type { Step } from "./replay.ts";
export {
  type DraftSource,
  simulate,
  SimulationError,
  type SimulationOptions,
  type SimulationReport,
} from "./simulate.ts";
export {
  type BatchWrite,
  type EventsRead,
  type PartitionWriter,
  ReadRefused,
  type StateRead,
  type WriteOptions,
  type Written,
  type WrittenBatch,
  type WrittenMember,
} from "../shell/writer.ts";
