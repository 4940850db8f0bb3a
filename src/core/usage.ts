import { bounds, type Limits } from "../protocol/index.ts";
import type { Storage } from "../storage/port.ts";
import { logBytesMaxOf } from "./decide/room.ts";
import type { Live } from "./live.ts";
import type { Causing } from "./window/context.ts";
import type { Logger } from "../protocol/log-events.ts";
import type { PartitionName } from "./environment.ts";

/** How much of a bound is used; `max` null: there is no bound. */
export interface Usage {
  readonly used: number;
  readonly max: number | null;
}

/** What of a partition has a bound, by name. */
export type Usages = Readonly<Record<string, Usage>>;

/**
 * How full the log, the state, the rejections, the effects and the timers are. `causing`: its letters are counted; what an
 * earlier version gave up waits uncounted.
 */
export function usagesOf(live: Live, limits: Limits, storage: Storage, causing: Causing | undefined): Usages {
  const { count, bytes } = live.rejections.all(storage);
  return {
    logBytes: logUsage(live, limits),
    stateBytes: stateUsage(live),
    rejections: { used: count, max: bounds.rejectionsMax },
    rejectionBytes: { used: bytes, max: bounds.rejectionBytesMax },
    effects: { used: live.outbox.rows, max: bounds.outboxRowsMax },
    effectBytes: { used: live.outbox.bytes, max: bounds.outboxBytesMax },
    deadLetters: { used: causing?.letterCount(live, storage) ?? 0, max: bounds.deadLettersMax },
    timers: timerUsage(live),
    timerBytes: timerBytesUsage(live),
  };
}

function logUsage({ head }: Live, limits: Limits): Usage {
  return { used: head.bytes, max: logBytesMaxOf(limits) };
}

function stateUsage({ fold }: Live): Usage {
  return { used: fold.state.weight, max: bounds.stateBytesMax };
}

function timerUsage({ timers }: Live): Usage {
  return { used: timers.size, max: bounds.timersMax };
}

function timerBytesUsage({ timers }: Live): Usage {
  return { used: timers.bytes, max: bounds.timersBytesMax };
}

/** The parts of a bound at which a warning is logged. */
const warningShares = [0.9, 0.75];
/** Below this part of its bound, the warnings of something come again. */
const restShare = 0.5;

/** Logs when something reaches 75 % and 90 % of its bound, once per crossing. */
export class FillWarnings {
  readonly #log: Logger;
  readonly #where: PartitionName;
  /** The highest share that was logged. */
  readonly #logged = new Map<string, number>();

  constructor(log: Logger, where: PartitionName) {
    this.#log = log;
    this.#where = where;
  }

  /** Logs what has been reached on the way from `before` to `used`. */
  note(name: string, before: number, { used, max }: Usage): void {
    if (max === null || used === before) return;
    if (used < max * restShare) {
      if (this.#logged.size > 0) this.#logged.delete(name);
      return;
    }
    const share = warningShares.find((part) => used >= max * part);
    if (share === undefined || before >= max * share || (this.#logged.get(name) ?? 0) >= share) return;
    this.#logged.set(name, share);
    this.#log("almost_full", { ...this.#where, resource: name, used, max, percent: share * 100 });
  }

  /** Notes what a window has added. Returns a function that does so when it is committed. */
  begin(live: Live, limits: Limits): () => void {
    const { bytes } = live.head;
    const { weight } = live.fold.state;
    const { size: timers, bytes: timerBytes } = live.timers;
    const rejectionBytes = live.rejections.known?.bytes;
    return () => {
      this.note("logBytes", bytes, logUsage(live, limits));
      this.note("stateBytes", weight, stateUsage(live));
      this.note("timers", timers, timerUsage(live));
      this.note("timerBytes", timerBytes, timerBytesUsage(live));
      const after = live.rejections.known?.bytes;
      if (after === undefined) return;
      this.note("rejectionBytes", rejectionBytes ?? 0, { used: after, max: bounds.rejectionBytesMax });
    };
  }
}
