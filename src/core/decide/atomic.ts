import type { SagaEnd } from "../../model/sagas/index.ts";
import { type Author, type Failure, isVerdict } from "../../protocol/index.ts";
import { keyHolderOf, type Submission } from "../commands.ts";
import { traceFailure } from "../refusal.ts";
import type { DraftResult, Outcome, Verdict } from "../replies.ts";
import type { Causing, WriteContext } from "../window/context.ts";
import { type Caused, type CausedTotals, nothingCaused, withCaused } from "../effects/totals.ts";
import { apply, rowOf } from "./commit.ts";
import { acceptedVerdict, answerAgain, fingerprintOf, deletePastRetention, isUsed, keyReused } from "./deduplicate.ts";
import { ModelFault } from "./model-fault.ts";
import { logModelFault, recordRejection } from "./record.ts";
import { textOfRejectedBatch } from "./rejection-text.ts";
import { type Claim, claimOf, excessWeight } from "./room.ts";
import type { Review, TypedDraft } from "./review.ts";
import { check, reviewOf } from "./stages.ts";

const draftFailed: Failure = { code: "draft_failed", detail: "The model failed on a draft of this batch." };

/**
 * All drafts of a batch, or none: one verdict under the batch's own key, one time, and the members'
 * keys are bound when it is accepted. Each member is reviewed on the state that those before it
 * leave; all that fail are listed. Throws only what the storage throws.
 */
export function decideAtomic(context: WriteContext, author: Author, clientId: string, submission: Submission): Outcome {
  const { live, ports, writes } = context;
  const { key, drafts } = submission;
  const principal = keyHolderOf(author, submission);
  const refused = (failure: Failure): Outcome => ({ kind: "refused", failure: traceFailure(failure, context) });
  deletePastRetention(context, principal, key);
  for (const { draftId } of drafts) deletePastRetention(context, principal, draftId);
  const again = answerAgain(context, principal, submission);
  if (again) return again;

  const before = live.position;
  const weight = live.fold.state.weight;
  const accepted: Reviewed[] = [];
  const failures = new Map<string, Failure>();
  let work = 0;
  let caused = nothingCaused;
  try {
    for (const draft of drafts) {
      const earlier = accepted.map(({ typed }) => typed);
      const review = reviewOf(context, author, clientId, draft, work, earlier);
      const used = isUsed(context, principal, draft.draftId);
      const result = used
        ? { failure: keyReused }
        : review.meter.run(() => reviewAndApply(review, caused, context.causing));
      if ("typed" in result) {
        accepted.push(result);
        caused = withCaused(caused, result.caused);
        live.head.reserve();
      } else failures.set(draft.draftId, result.failure);
      work += review.meter.taken;
      // To review the others would cost more than the bound.
      if ("failure" in result && result.failure.code === "draft_too_expensive") break;
    }
  } catch (error) {
    live.undoTo(before);
    if (!(error instanceof ModelFault)) throw error;
    const failure = traceFailure(draftFailed, context);
    logModelFault(context, principal, submission, failure.traceId, error);
    return { kind: "refused", failure };
  }

  if (failures.size > 0) {
    live.undoTo(before);
    const verdict = rejectedBatch(context, submission, failures);
    const final = [...failures.values()].every(({ code }) => isVerdict(code) || code === keyReused.code);
    if (!final) return refused([...failures.values()][0]!);
    const full = live.rejections.full(ports.storage, { ...author, principal });
    if (full) return refused(full);
    recordRejection(context, author, submission, textOfRejectedBatch(verdict, context.name.partition));
    return { kind: "decided", verdict, replayed: false };
  }

  // Judged as a whole: a batch may add first and delete then. What it adds meanwhile is bounded by its frame.
  const claims = new Set(accepted.map(({ review, typed }) => claimOf(review, typed)));
  const claim = (["new", "settling"] satisfies Claim[]).find((each) => claims.has(each)) ?? "shrinking";
  const tooLarge = excessWeight(context.model, live, weight, claim);
  if (tooLarge) {
    live.undoTo(before);
    return refused(tooLarge);
  }

  const batchEnd = live.head.eventId;
  live.head.release(before.eventId);
  const rows = accepted.map(({ review, typed }, at) => rowOf(review, typed, before.eventId + 1 + at, batchEnd));
  for (const [at, row] of rows.entries()) {
    if (!writes.events.append(row)) throw new Error("the log refused a key that it does not hold");
    live.append(row);
    const { caused: ofRow, ended } = accepted[at]!;
    if (ofRow) context.causing!.writeCaused(context, row, ofRow);
    if (ended) context.window.counts.sagaEnded(ended);
  }
  writes.batches.record({
    principal,
    batchId: key,
    fingerprint: fingerprintOf(submission, ports),
    firstEventId: rows[0]!.eventId,
    eventCount: rows.length,
  });
  return { kind: "decided", verdict: acceptedVerdict(rows), replayed: false };
}

/** A member that was reviewed and applied. */
interface Reviewed {
  readonly review: Review;
  readonly typed: TypedDraft;
  readonly caused: Caused | undefined;
  readonly ended: SagaEnd | undefined;
}

/** The stages, and the reducer. `before`: what the members before it cause. */
function reviewAndApply(
  review: Review,
  before: CausedTotals,
  causing: Causing | undefined,
): Reviewed | { failure: Failure } {
  const typed = check(review);
  if ("code" in typed) return { failure: typed };
  const applied = apply(review, typed, causing);
  if ("failure" in applied) return applied;
  const { caused, ended } = applied;
  const failure = caused && causing!.excessOf(withCaused(before, caused), review);
  return failure ? { failure } : { review, typed, caused, ended };
}

/** The verdict on a batch of which drafts failed. */
function rejectedBatch(context: WriteContext, { drafts }: Submission, failures: ReadonlyMap<string, Failure>): Verdict {
  const results = drafts.map(({ draftId }): DraftResult => {
    const failure = failures.get(draftId);
    return failure
      ? { kind: "rejected", draftId, failure: traceFailure(failure, context) }
      : { kind: "not_processed", draftId };
  });
  return { timestamp: context.now, results };
}
