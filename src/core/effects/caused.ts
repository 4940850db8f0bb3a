import { assertEffect, type Effect } from "../../model/effects.ts";
import { bounds, type Failure, utf8Length } from "../../protocol/index.ts";
import { correlationIdOf, effectIdOf, type EventRow, type OutboxRow } from "../../storage/port.ts";
import { callModel } from "../decide/model-fault.ts";
import type { Review, TypedDraft } from "../decide/review.ts";
import type { WriteContext } from "../window/context.ts";
import { guard } from "./guard.ts";
import { type Caused, type CausedTotals, type Leaving, outboxFull } from "./totals.ts";
import { applyTimer, type TimerChange, timerChangeOf, type TimerEffect, timersFull } from "./timers.ts";
import { letterCount, lettersIn } from "./letters.ts";

/**
 * What the event causes that was just applied to the state; undefined: nothing. A throw of the model's function, and what
 * it must not return, is a fault of the model.
 */
export function causedBy(review: Review, typed: TypedDraft): Caused | undefined {
  const declared = review.effects?.of(typed.type);
  if (!declared) return undefined;
  const { live, partition, author } = review;
  const { state } = live.fold;
  return callModel(() => {
    const context = { ...state.context, partition, eventId: live.head.eventId + 1, principal: author.principal };
    const given = state.read((view) => {
      const returned = declared(view as never, typed.event as never, context);
      if (returned === undefined) return [];
      const all: readonly Effect[] = Array.isArray(returned) ? returned : [returned as Effect];
      if (all.length > bounds.effectsPerEventMax) {
        throw new TypeError(`an event causes at most ${bounds.effectsPerEventMax} effects, not ${all.length}`);
      }
      // As text, and read again: a function may return a view of the state, or change later what it has returned.
      return all.map((effect) => JSON.parse(JSON.stringify(effect)) as Effect);
    });
    if (given.length === 0) return undefined;
    const leaving: Leaving[] = [];
    const timers: TimerChange[] = [];
    for (const effect of given) {
      assertEffect(effect, { model: review.model, partition });
      if (effect.kind === "schedule" || effect.kind === "cancel")
        timers.push(timerChangeOf(effect, review.now, review.nextOccurrence));
      else leaving.push(leavingOf(effect, review.draft.cause?.traceId ?? review.traceId));
    }
    return { leaving, timers };
  });
}

/** `traceId`: of the submission. It is stored with the content, where versions before do not look at it. */
function leavingOf(effect: Exclude<Effect, TimerEffect>, traceId: string | undefined): Leaving {
  const { kind } = effect;
  const destination = kind === "submit" ? effect.partition : kind === "queue" ? effect.queue : "";
  const { kind: _, ...content } = effect;
  const bytes = utf8Length(JSON.stringify(content));
  if (bytes > bounds.effectBytesMax) {
    throw new TypeError(`an effect has at most ${bounds.effectBytesMax} bytes of JSON, not ${bytes}`);
  }
  const body = JSON.stringify({ ...content, traceId });
  return { kind, destination, body, bytes: utf8Length(body) };
}

/** Why there is no room for what the events of a submission cause together, if so: before anything of it is written. */
export function excessOf(
  { count, bytes, timers }: CausedTotals,
  { live, draft, author, ports }: Review,
): Failure | undefined {
  if (count > bounds.effectsPerBatchMax) {
    return {
      code: "draft_too_expensive",
      detail: `This batch causes more than ${bounds.effectsPerBatchMax} effects: send fewer drafts together.`,
      work: { counted: count, max: bounds.effectsPerBatchMax },
    };
  }
  const leaving = count - timers.length;
  const ofEffect = author.system === true && author.principal.startsWith("partition:");
  if (leaving > 0 && live.outbox.isFullWith(leaving, bytes, ofEffect)) return outboxFull;
  if (leaving > 0 && hopsAfter(draft.cause) > bounds.effectHopsMax) {
    if (letterCount(live, ports.storage) + leaving > bounds.deadLettersMax) return deadLettersFull;
  }
  return timers.length > 0 ? timersFull(live, timers) : undefined;
}

const deadLettersFull: Failure = {
  code: "overloaded",
  detail: `There are as many dead letters here as can be (${bounds.deadLettersMax}): what would cause another one is not decided until some are replayed or discarded.`,
  retryAfter: 60,
};

/** How many effects have led to those of an event, with themselves. */
function hopsAfter(cause: { readonly hops?: number | undefined } | undefined): number {
  return (cause?.hops ?? 0) + 1;
}

/** Writes what the event of `row` causes, in its transaction. */
export function writeCaused({ live, writes, ports, name, now }: WriteContext, row: EventRow, caused: Caused): void {
  const incarnation = row.incarnation!;
  const hops = hopsAfter(row);
  const correlationId = correlationIdOf(row)!;
  for (const [n, { kind, destination, body, bytes }] of caused.leaving.entries()) {
    const effect: OutboxRow = {
      eventId: row.eventId,
      n,
      incarnation,
      kind,
      destination,
      body,
      correlationId,
      hops,
      createdAt: row.timestamp,
      queuedAt: now,
    };
    if (hops > bounds.effectHopsMax) {
      lettersIn(ports.storage).add({ ...effect, diedAt: now, reason: "too_many_hops", detail: "{}" });
      live.deadLetters.added();
      ports.log("effect_chain_too_long", { ...name, effectId: effectIdOf(effect), correlationId });
    } else {
      writes.outbox.add(effect);
      live.outbox.add({ eventId: row.eventId, n, kind, destination, bytes });
    }
  }
  guard(live, now);
  for (const timer of caused.timers) {
    applyTimer(ports.storage, writes, live, timer, { correlationId, hops: row.hops ?? 0 });
  }
}
