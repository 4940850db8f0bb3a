import { bounds } from "../../protocol/index.ts";
import type { TimerRow } from "../../storage/port.ts";
import type { Environment } from "../environment.ts";
import { retryDelayMs } from "../jobs/job.ts";
import type { Live } from "../live.ts";
import type { Memory } from "../memory.ts";
import type { Outcome } from "../replies.ts";
import type { Windows } from "../window/windows.ts";
import type { Fired } from "../window/work.ts";
import { bury } from "./bury.ts";
import { concernsAll, firedWork } from "./fire.ts";
import type { DueTimer } from "./timers.ts";
import type { NextOccurrence } from "./recurrence.ts";

/** Fires the timers of a partition that are due: one window of them at each alarm, so that others have their turns. */
export class TimerRunner {
  readonly #environment: Environment;
  readonly #memory: Memory;
  readonly #windows: Windows;
  /** No timer fires before then, in milliseconds since 1970: none can be decided. */
  #heldUntil = 0;
  /** How often in a row none could be. */
  #failures = 0;

  constructor(environment: Environment, memory: Memory, windows: Windows) {
    this.#environment = environment;
    this.#memory = memory;
    this.#windows = windows;
  }

  /** When the next ones fire, in milliseconds since 1970; undefined: there is no timer. */
  get nextDue(): number | undefined {
    const { live } = this.#memory;
    return live && this.#nextIn(live);
  }

  /** Fires those that are due, as many as one window has room for. */
  run(now: number): void {
    const live = this.#memory.load(now);
    const next = this.#nextIn(live);
    if (next === undefined || next > now) return;
    let held: number | undefined;
    const answer = (outcome: Outcome) => {
      if (outcome.kind !== "refused" || !concernsAll(outcome.failure.code)) return;
      const { retryAfter } = outcome.failure;
      held = retryAfter === undefined ? this.#retryDelayMs(this.#failures) : retryAfter * 1_000;
    };
    const work = live.timers.due(now).flatMap((key) => this.#workOf(key, now, answer) ?? []);
    if (work.length > 0) this.#windows.process(work, now, bounds.windowUnitsMax);
    const { measure } = this.#environment.ports;
    for (const { timer } of work) {
      measure("timers", 1);
      measure("timer_lateness_ms", Math.max(0, now - timer.dueAt));
    }
    this.#failures = held === undefined ? 0 : this.#failures + 1;
    if (held !== undefined) this.#heldUntil = now + held;
    // What is due next has to be known, or no alarm would come.
    this.#memory.load(now);
  }

  /** A partition that is drained accepts nothing, of timers neither. */
  #nextIn({ timers, schedule }: Live): number | undefined {
    if (timers.next === undefined) return undefined;
    return Math.max(timers.next, this.#heldUntil, schedule.firstDueAt("end_drain") ?? 0);
  }

  #workOf(key: string, now: number, answer: (outcome: Outcome) => void): Fired | undefined {
    const timer = this.#environment.ports.storage.timers.find(key)!;
    const { nextOccurrence } = this.#environment;
    if (timer.recurs && !nextOccurrence) {
      this.#holdUp(timer, now);
      return undefined;
    }
    const due = wholeOf(timer, now, nextOccurrence);
    if (due) return firedWork(due, answer);
    this.#giveUp(timer, now);
    return undefined;
  }

  /** A timer that recurs waits where nothing says when it is due again: a later version of the Worker may. */
  #holdUp(timer: TimerRow, now: number): void {
    const { name, ports } = this.#environment;
    ports.log("timer_not_decided", {
      ...name,
      timer: timer.key,
      correlationId: timer.correlationId,
      code: "not_configured",
    });
    this.#postpone(timer, now);
  }

  /** A timer that is damaged becomes a dead letter. Where there is no room for it, it waits, and no other does. */
  #giveUp(timer: TimerRow, now: number): void {
    const { name, ports } = this.#environment;
    ports.log("timer_damaged", { ...name, timer: timer.key, correlationId: timer.correlationId });
    if (bury(this.#environment, this.#memory, this.#windows.incarnation, timer, now)) return;
    this.#postpone(timer, now);
  }

  #postpone(timer: TimerRow, now: number): void {
    const live = this.#memory.load(now);
    this.#memory.write(now, (writes) => live.timers.postpone(writes, timer, now + this.#retryDelayMs(timer.attempts)));
  }

  #retryDelayMs(attempts: number): number {
    return retryDelayMs(attempts, this.#environment.ports.random.fraction());
  }
}

/** The timer with its next time; undefined: its draft or its pattern is damaged. */
function wholeOf(timer: TimerRow, now: number, nextOccurrence: NextOccurrence | undefined): DueTimer | undefined {
  const { payload, recurs, dueAt } = timer;
  if (payload === undefined) return undefined;
  try {
    return { ...timer, payload, next: recurs && nextOccurrence!(recurs, Math.max(now, dueAt)) };
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
