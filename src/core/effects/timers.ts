import type { CancelEffect, ScheduleEffect } from "../../model/effects.ts";
import type { Failure } from "../../protocol/index.ts";
import type { EventRow, StorageWrites } from "../../storage/port.ts";
import type { Live } from "../live.ts";

/** The effects that stay in the partition. */
export type TimerEffect = ScheduleEffect | CancelEffect;

/** What a timer is set by. */
interface Cause {
  /** The event, which is appended. */
  readonly row: EventRow;
  readonly correlationId: string;
  /** Of the draft that the timer submits. */
  readonly hops: number;
  readonly now: number;
}

/** Why there is no room for these timers, if so. */
export function timersFull(_live: Live, _effects: readonly TimerEffect[]): Failure | undefined {
  return undefined;
}

/** Sets, replaces or cancels a timer, in the transaction of its event. */
export function applyTimer(_writes: StorageWrites, _live: Live, { kind }: TimerEffect, _cause: Cause): void {
  throw new Error(`"${kind}" is not there yet`);
}
