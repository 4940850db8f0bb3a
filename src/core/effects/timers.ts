import type { CancelEffect, ScheduleEffect } from "../../model/effects.ts";
import { bounds, type Failure, utf8Length } from "../../protocol/index.ts";
import type { Recurrence, StorageReads, StorageWrites } from "../../storage/port.ts";
import type { Live } from "../live.ts";
import type { NextOccurrence } from "../timers/recurrence.ts";

/** The effects that stay in the partition. */
export type TimerEffect = ScheduleEffect | CancelEffect;

/** What a timer effect does to the timer of its key. */
export interface TimerChange {
  readonly key: string;
  /** Undefined: it is cancelled. */
  readonly to: Scheduled | undefined;
}

interface Scheduled {
  readonly dueAt: number;
  readonly type: string;
  readonly version: number | undefined;
  /** JSON text. */
  readonly payload: string;
  readonly bytes: number;
  readonly recurs: Recurrence | undefined;
}

/** What a timer is set by. */
interface Cause {
  readonly correlationId: string;
  /** Of the event that sets it: to wait is no hop, or a timer that schedules the next one would end. */
  readonly hops: number;
}

/**
 * What a timer effect does. Its time is at least a second ahead, so that a timer that schedules the next one is no loop.
 *
 * @throws TypeError where it states no time that there is.
 */
export function timerChangeOf(
  effect: TimerEffect,
  now: number,
  nextOccurrence: NextOccurrence | undefined,
): TimerChange {
  const { key } = effect;
  if (effect.kind === "cancel") return { key, to: undefined };
  const { type, version } = effect;
  const payload = JSON.stringify(effect.payload);
  const bytes = utf8Length(payload);
  if (bytes > bounds.effectBytesMax) {
    throw new TypeError(`the payload of a timer has at most ${bounds.effectBytesMax} bytes of JSON, not ${bytes}`);
  }
  const given = "cron" in effect ? { cron: effect.cron, timeZone: effect.timeZone } : undefined;
  if (given && !nextOccurrence) {
    throw new TypeError(`the timer "${key}" recurs, and this server has no recurring timers: it needs the part "cron"`);
  }
  const at = "at" in effect ? effect.at : nextOccurrence!(given!, now);
  if (!Number.isFinite(at)) throw new TypeError(`the timer "${key}" has no time`);
  const dueAt = given ? at! : Math.max(Math.ceil(at!), now + bounds.timerAheadMsMin);
  if (dueAt > now + bounds.timerAheadMsMax) throw new TypeError(`the timer "${key}" is too far ahead`);
  return { key, to: { dueAt, type, version, payload, bytes, recurs: given } };
}

/** Why there is no room for these timers, if so. */
export function timersFull({ timers }: Live, changes: readonly TimerChange[]): Failure | undefined {
  if (!timers.isFullWith(new Map(changes.map(({ key, to }) => [key, to?.bytes])))) return undefined;
  return {
    code: "too_many_timers",
    detail: `There are as many timers here as can be (${bounds.timersMax}, or ${bounds.timersBytesMax} bytes): what would set another one is not decided until some are due or cancelled.`,
  };
}

/** Sets, replaces or cancels a timer, in the transaction of its event. */
export function applyTimer(
  reads: StorageReads,
  writes: StorageWrites,
  { timers }: Live,
  { key, to }: TimerChange,
  cause: Cause,
): void {
  if (!to) timers.remove(writes, key);
  else if (!isSet(reads, timers.dueAt(key), key, to)) timers.set(writes, { key, ...to, ...cause }, to.bytes);
}

/** Whether the same timer is set already: so an event can always state a timer that recurs, and writes nothing. */
function isSet(reads: StorageReads, dueAt: number | undefined, key: string, to: Scheduled): boolean {
  if (dueAt === undefined || (!to.recurs && dueAt !== to.dueAt)) return false;
  const { type, version, payload, recurs } = reads.timers.find(key)!;
  return (
    type === to.type &&
    version === to.version &&
    payload === to.payload &&
    recurs?.cron === to.recurs?.cron &&
    recurs?.timeZone === to.recurs?.timeZone
  );
}
