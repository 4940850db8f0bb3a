import { type ErrorCode, type JsonObject, systemAuthor } from "../../protocol/index.ts";
import { single } from "../commands.ts";
import { retryDelayMs } from "../jobs/job.ts";
import type { Outcome } from "../replies.ts";
import type { WriteContext } from "../window/context.ts";
import type { Fired } from "../window/work.ts";
import type { DueTimer } from "./timers.ts";

/** What keeps every draft from being decided, and not only that of one timer: then all wait, and nothing is stored. */
const general: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "storage_unavailable",
  "schema_mismatch",
  "quarantined",
  "rebuilding",
  "rate_limited",
  "storage_full",
  "draining",
  "read_only",
  "internal",
]);

/** Whether no timer can fire now, where the draft of one was refused with this code. */
export function concernsAll(code: ErrorCode): boolean {
  return general.has(code);
}

/** The draft of a timer that is due, as work of a window. `answer`: called with what comes of it, once it is committed. */
export function firedWork(timer: DueTimer, answer: (outcome: Outcome) => void): Fired {
  const { key, dueAt, type, version, payload, correlationId, hops } = timer;
  const event = {
    type,
    ...(version === undefined ? {} : { version }),
    payload: JSON.parse(payload) as JsonObject,
  };
  const draft = {
    draftId: `timer:${key}:${dueAt}`,
    event,
    expectedEventId: undefined,
    cause: { correlationId, hops, settles: true },
  };
  return { author: systemAuthor("timer", key), clientId: "timer", submission: single(draft), timer, answer };
}

/**
 * Decides the draft of a timer by `decide`, and removes the timer, or makes it due again, in the same transaction: so it
 * fires once. Undefined: it is not due any more, as an event of the same window has replaced or cancelled it.
 */
export function fire(context: WriteContext, timer: DueTimer, decide: () => Outcome): Outcome | undefined {
  const { live, writes, now, name, ports } = context;
  const { timers } = live;
  const { key, dueAt, correlationId } = timer;
  if (timers.dueAt(key) !== dueAt) return undefined;
  const outcome = decide();
  if (outcome.kind === "refused") {
    const { code, traceId } = outcome.failure;
    if (concernsAll(code)) return outcome;
    timers.postpone(writes, timer, now + retryDelayMs(timer.attempts, ports.random.fraction()));
    ports.log("timer_not_decided", {
      ...name,
      timer: key,
      correlationId,
      code,
      traceId,
    });
    return outcome;
  }
  const [result] = outcome.verdict.results;
  if (result!.kind === "rejected") {
    const { code, traceId } = result!.failure;
    ports.log("timer_rejected", { ...name, timer: key, correlationId, code, traceId });
  }
  // Its own event may have set or cancelled it.
  if (timers.dueAt(key) !== dueAt) return outcome;
  // Its key was used by an earlier timer, under a clock that was set back since: this one has another time.
  if (outcome.replayed) timers.move(writes, key, dueAt + 1);
  else settle(context, timer);
  return outcome;
}

/** Removes a timer that has fired, or makes it due again: what was missed meanwhile is left out. */
function settle({ live, writes }: WriteContext, { key, next }: DueTimer): void {
  if (next === undefined) live.timers.remove(writes, key);
  else live.timers.move(writes, key, next);
}
