import { bounds, type Failure } from "../../protocol/index.ts";
import type { OutboxRow } from "../../storage/port.ts";
import type { TimerChange } from "./timers.ts";

/** An effect that leaves the partition, as it is stored. */
export interface Leaving {
  readonly kind: OutboxRow["kind"];
  readonly destination: string;
  readonly body: string;
  readonly bytes: number;
}

/** What one event causes. */
export interface Caused {
  readonly leaving: readonly Leaving[];
  readonly timers: readonly TimerChange[];
}

/** What the events of one submission cause together. */
export interface CausedTotals {
  readonly count: number;
  readonly bytes: number;
  readonly timers: readonly TimerChange[];
}

export const nothingCaused: CausedTotals = { count: 0, bytes: 0, timers: [] };

/** `before`, and what another event of the submission causes. */
export function withCaused(before: CausedTotals, caused: Caused | undefined): CausedTotals {
  if (!caused) return before;
  return {
    count: before.count + caused.leaving.length + caused.timers.length,
    bytes: caused.leaving.reduce((sum, { bytes }) => sum + bytes, before.bytes),
    timers: [...before.timers, ...caused.timers],
  };
}

export const outboxFull: Failure = {
  code: "overloaded",
  detail: `As many effects wait here as can (${bounds.outboxRowsMax}, or ${bounds.outboxBytesMax} bytes): what causes another one is not decided until some are delivered.`,
  retryAfter: 10,
};
