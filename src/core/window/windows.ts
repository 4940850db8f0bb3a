import { bounds, type TracedFailure } from "../../protocol/index.ts";
import type { FanOut } from "../delivery/fan-out.ts";
import type { Presence } from "../delivery/presence.ts";
import { costOfBytes } from "../cost.ts";
import type { Environment } from "../environment.ts";
import { failureOf } from "../failures.ts";
import type { FillWarnings } from "../usage.ts";
import type { Live } from "../live.ts";
import type { Memory } from "../memory.ts";
import type { CatchUps } from "../delivery/catch-ups.ts";
import type { Limiter } from "../rates/limiter.ts";
import { type Causing, type DecideImported, traced, type WindowContext, type WriteContext } from "./context.ts";
import { handle, handleRead, refuse } from "./handle.ts";
import { type Processed, Window } from "./window.ts";
import { costOf, declined, onlyReads, singleDraftsOf, traceIdOf, type Work } from "./work.ts";

/** Of fewer drafts, what they append is as cheap one by one. */
const announcedMin = 4;

/** After this many failures in a row of work done by itself, the rest of a failed window is refused untried. */
const isolationFailuresMax = 2;

/** What windows are processed with, besides the environment. */
interface Tools {
  readonly memory: Memory;
  readonly fanOut: FanOut;
  readonly presence: Presence;
  readonly limiter: Limiter;
  readonly catchUps: CatchUps;
  readonly warnings: FillWarnings;
  /** Undefined: no event causes anything here. */
  readonly causing: Causing | undefined;
  /** Undefined: events of another server are not taken. */
  readonly decideImported: DecideImported | undefined;
}

/** What came of one attempt: how many pieces were done, or what was thrown. */
interface Attempt {
  readonly done: number;
  readonly failure: { readonly error: unknown } | undefined;
}

/** Processes windows of work: one transaction each, and when that is committed, one flush. */
export class Windows {
  readonly #environment: Environment;
  readonly #tools: Tools;
  /** The random id of this object's lifetime, written with each event. */
  readonly incarnation: string;
  /** What is the same in each window: to copy it takes less than to make it. */
  readonly #shared: Omit<WindowContext, "live" | "window" | "now" | "attended">;
  /** The id the log will get when it is first written. */
  #provisionalLogId: string | undefined;

  constructor(environment: Environment, tools: Tools) {
    this.#environment = environment;
    this.#tools = tools;
    this.incarnation = environment.ports.random.incarnation();
    const { fanOut, presence, limiter, catchUps, causing, decideImported } = tools;
    this.#shared = {
      ...environment,
      causing,
      decideImported,
      incarnation: this.incarnation,
      limiter,
      catchUps,
      refusalOf: (author) => fanOut.refusal(author),
      peers: () => presence.peers,
      replacePeer: (peerId, principal) => presence.replace(peerId, principal),
      serverId: (live) => live.logId ?? (this.#provisionalLogId ??= environment.ports.random.logId()),
    };
  }

  /** Restores the id of a log that is not written yet, as a connection has received it before hibernation. */
  restoreLogId(provisionalLogId: string | undefined): void {
    this.#provisionalLogId ??= provisionalLogId;
  }

  /** See `Partition.process`. */
  process(batch: readonly Work[], now: number, workMax: number): Processed {
    const window = new Window();
    const { done, failure } = this.#attempt(batch, window, now, workMax);
    if (failure !== undefined && batch.length > 1) return this.#isolate(batch, window.work, now, workMax);
    if (failure !== undefined) this.#refuse(window, batch[0]!, failure.error, now);
    this.#tools.fanOut.flush(window, now);
    this.#count(window);
    // What could not even be begun is refused, and so it is done, too.
    return { done: Math.max(done, 1), work: window.work };
  }

  /**
   * Runs the window's work in one transaction, until it has done `workMax`; if it throws, all of it is rolled back, and
   * what it threw is returned. `traceId`: of the failures of work that has none of its own.
   */
  #attempt(batch: readonly Work[], window: Window, now: number, workMax: number, traceId?: string): Attempt {
    const { memory } = this.#tools;
    let done = 0;
    try {
      const live = memory.load(now);
      const context = traced(this.#context(live, window, now), traceId);
      if (batch.every(onlyReads)) {
        while (done < batch.length && (done === 0 || window.work < workMax)) {
          const work = batch[done++]!;
          handleRead(context, work);
          window.work += costOf(work);
        }
      } else {
        const warn = this.#tools.warnings.begin(live, this.#tools.limiter.limits);
        memory.write(now, (writes) => {
          const writing: WriteContext = { ...context, writes };
          const draftIds = singleDraftsOf(batch, bounds.windowWorkMax);
          if (draftIds.length >= announcedMin) writes.events.announce(draftIds);
          while (done < batch.length && (done === 0 || window.work < workMax)) handleCounted(writing, batch[done++]!);
        });
        warn();
      }
      return { done, failure: undefined };
    } catch (error) {
      window.rollback();
      window.work += costOf(batch[Math.max(done - 1, 0)]!);
      return { done, failure: { error } };
    }
  }

  /** After a window failed: each piece of work by itself, so that one cannot take the others with it. */
  #isolate(batch: readonly Work[], workBefore: number, now: number, workMax: number): Processed {
    this.#environment.ports.measure("window_failures", 1);
    let failures = 0;
    let failed: TracedFailure | undefined;
    let done = 0;
    let total = workBefore;
    while (done < batch.length && (done === 0 || total < workMax)) {
      const work = batch[done++]!;
      const window = new Window();
      if (failures < isolationFailuresMax) {
        const { failure } = this.#attempt([work], window, now, 0);
        if (failure !== undefined) {
          failures++;
          failed = this.#refuse(window, work, failure.error, now);
        }
        // Under the trace id of the failure that it was not tried for, which has a log line, unless it has one itself.
      } else if (failures > isolationFailuresMax || this.#decline(window, work, failed!, now) !== undefined) {
        failures++;
        refuse(window, work, { ...failed!, traceId: traceIdOf(work) ?? failed!.traceId });
      }
      total += window.work;
      // Verdicts only: of a window that was committed after all, every submitter has its verdict before any broadcast.
      window.flush([], [], now);
      this.#count(window);
    }
    this.#tools.fanOut.flush(new Window(), now);
    return { done, work: total };
  }

  #count({ events, counts }: Window): void {
    const { name, ports } = this.#environment;
    const { log, measure } = ports;
    measure("windows", 1);
    if (events.length > 0) measure("events", events.length);
    counts.report(measure, (saga) => log("saga_failed", { ...name, saga }));
  }

  /** Refuses work untried: only its key is looked up. Returns what was thrown, if even that fails. */
  #decline(window: Window, work: Work, failure: TracedFailure, now: number): unknown {
    return this.#attempt([declined(work, failure, true)], window, now, 0, failure.traceId).failure;
  }

  /** Refuses work whose window has failed, by `error`. */
  #refuse(window: Window, work: Work, error: unknown, now: number): TracedFailure {
    const failure = failureOf(error, { ...this.#environment, now, live: this.#tools.memory.live }, traceIdOf(work));
    refuse(window, work, failure);
    return failure;
  }

  #context(live: Live, window: Window, now: number): WindowContext {
    return { ...this.#shared, live, window, now, attended: this.#tools.fanOut.mayVanish };
  }
}

/** Does a piece of work, and counts it. */
function handleCounted(context: WriteContext, work: Work): void {
  const { window, live } = context;
  const { state } = live.fold;
  const before = state.work;
  const events = window.events.length;
  handle(context, work);
  window.work += state.work - before + costOf(work);
  for (let at = events; at < window.events.length; at++) window.work += costOfBytes(window.events[at]!.payloadBytes);
}
