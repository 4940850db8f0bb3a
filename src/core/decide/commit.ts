import { keyViolation } from "../../model/index.ts";
import type { SagaEnd } from "../../model/sagas/index.ts";
import { type Failure, utf8Length } from "../../protocol/index.ts";
import { annotatedBytes, type EventRow } from "../../storage/port.ts";
import { single } from "../commands.ts";
import { fingerprintOf } from "./deduplicate.ts";
import { callModel, ModelFault } from "./model-fault.ts";
import { checkInvariants } from "./invariants.ts";
import { type Caused, nothingCaused, withCaused } from "../effects/totals.ts";
import { sagaEndOf } from "../saga-room.ts";
import type { Causing, WriteContext } from "../window/context.ts";
import type { Review, TypedDraft } from "./review.ts";
import { claimOf, excessWeight } from "./room.ts";

/** What came of committing: the row, an invariant that would break, a state that would be too large, or nothing because the key was used before. */
export type Commit = { row: EventRow } | { failure: Failure } | undefined;

/**
 * Applies the event to the state and appends it to the log. Whatever it does not return a row for,
 * it has undone. Throws what the reducer throws, with the state as it was.
 */
export function commit(review: Review, typed: TypedDraft, context: WriteContext): Commit {
  const { live } = review;
  const { causing } = context;
  const weight = live.fold.state.weight;
  const applied = apply(review, typed, causing);
  if ("failure" in applied) return applied;
  const { caused, ended } = applied;
  const failure =
    excessWeight(review.model, live, weight, claimOf(review, typed)) ??
    (caused && causing!.excessOf(withCaused(nothingCaused, caused), review));
  if (failure) {
    live.fold.undoTo(applied.before);
    return { failure };
  }
  const row = rowOf(review, typed, live.head.eventId + 1, undefined);
  if (context.writes.events.append(row)) {
    if (caused) causing!.writeCaused(context, row, caused);
    if (ended) context.window.counts.sagaEnded(ended);
    return { row };
  }
  live.fold.undoTo(applied.before);
  return undefined;
}

/** What an event has done that was applied. */
interface Applied {
  /** Where to undo to. */
  readonly before: number;
  /** What it causes outside. */
  readonly caused: Caused | undefined;
  /** How it has ended a saga. */
  readonly ended: SagaEnd | undefined;
}

/** Applies the event to the state, unless an invariant would break. Throws what the model throws, with the state as it was. */
export function apply(review: Review, typed: TypedDraft, causing: Causing | undefined): Applied | { failure: Failure } {
  const { fold } = review.live;
  const before = reduce(review, typed);
  if (typeof before === "object") return { failure: before };
  let failure: Failure | undefined;
  let caused: Caused | undefined;
  try {
    review.meter.assert();
    failure = checkInvariants(review);
    if (!failure && review.effects) caused = causing!.causedBy(review, typed);
    review.meter.assert();
  } catch (error) {
    fold.undoTo(before);
    throw error;
  }
  if (!failure) return { before, caused, ended: sagaEndOf(typed.definition, review.live) };
  fold.undoTo(before);
  return { failure };
}

/** Applies the event to the state. Returns where to undo to, or why the state cannot have it. Throws what the reducer throws. */
function reduce({ live: { fold } }: Review, { definition, event, payload }: TypedDraft): number | Failure {
  try {
    return callModel(() => fold.apply(definition, event));
  } catch (error) {
    const violation = error instanceof ModelFault ? keyViolation(error.cause, payload) : undefined;
    if (!violation) throw error;
    return { code: "validation_failed", layer: "rule", detail: violation.message, errors: [violation] };
  }
}

/** The row of an accepted draft. */
export function rowOf(review: Review, typed: TypedDraft, eventId: number, batchEnd: number | undefined): EventRow {
  const { draft, author } = review;
  const { annotations, scope } = draft;
  const submitter = scope === undefined ? undefined : author.principal;
  const payload = JSON.stringify(typed.payload);
  return {
    eventId,
    principal: scope ?? author.principal,
    draftId: draft.draftId,
    clientId: review.clientId,
    type: typed.type,
    version: typed.version,
    expectedEventId: typed.expectedEventId,
    timestamp: typed.event.timestamp,
    payload,
    payloadBytes: utf8Length(payload) + annotatedBytes({ annotations, submitter }),
    batchEnd,
    fingerprint: typed.payload === draft.event["payload"] ? undefined : fingerprintOf(single(draft), review.ports),
    incarnation: review.incarnation,
    correlationId: draft.cause?.correlationId,
    hops: draft.cause?.hops,
    annotations,
    submitter,
  };
}
