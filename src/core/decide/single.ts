import { type Author, type Failure, isVerdict } from "../../protocol/index.ts";
import { keyHolderOf, type Submission } from "../commands.ts";
import type { Outcome } from "../replies.ts";
import { traceFailure } from "../refusal.ts";
import type { WriteContext } from "../window/context.ts";
import { commit, type Commit } from "./commit.ts";
import { acceptedVerdict, answerAgain, deletePastRetention } from "./deduplicate.ts";
import { ModelFault } from "./model-fault.ts";
import { logModelFault, recordRejection } from "./record.ts";
import { textOfRejection } from "./rejection-text.ts";
import type { Review } from "./review.ts";
import { check, reviewOf } from "./stages.ts";

export const draftFailed: Failure = {
  code: "draft_failed",
  detail: "The model failed on this draft. Sending it again will not help.",
};

/**
 * `(state, draft, now) → verdict`, inside one transaction and one turn: review, append, or record
 * the rejection. Throws only what the storage throws.
 *
 * A key that was used before is found by the INSERT's conflict, or, when a stage fails, by a
 * look-up before the failure counts. So a retry gets its first answer whatever the stages
 * would say today, and a new draft costs no look-up.
 */
export function decideSingle(context: WriteContext, author: Author, clientId: string, submission: Submission): Outcome {
  const { live, ports } = context;
  const { key, drafts } = submission;
  const principal = keyHolderOf(author, submission);
  const review = reviewOf(context, author, clientId, drafts[0]!, 0, []);
  let failure: Failure | undefined;
  let fault: ModelFault | undefined;
  try {
    const result = review.meter.run(() => reviewAndCommit(review, context));
    if (result && "row" in result) {
      live.append(result.row);
      return { kind: "decided", verdict: acceptedVerdict([result.row]), replayed: false };
    }
    failure = result?.failure;
  } catch (error) {
    if (!(error instanceof ModelFault)) throw error;
    fault = error;
    failure = draftFailed;
  }

  if (deletePastRetention(context, principal, key)) return decideSingle(context, author, clientId, submission);
  const again = answerAgain(context, principal, submission);
  if (again) return again;
  if (!failure) throw new Error("the log refused a key that it does not hold");

  if (isVerdict(failure.code)) failure = live.rejections.full(ports.storage, { ...author, principal }) ?? failure;
  const traced = traceFailure(failure, context);
  if (fault) logModelFault(context, principal, submission, traced.traceId, fault);
  if (!isVerdict(traced.code)) return { kind: "refused", failure: traced };
  const recordId = recordRejection(context, author, submission, textOfRejection(traced, context.name.partition));
  const results = [{ kind: "rejected", draftId: key, failure: traced, recordId } as const];
  return { kind: "decided", verdict: { timestamp: traced.timestamp, results }, replayed: false };
}

/** The stages and the commit; the first that fails decides. Undefined: the key was used before. */
export function reviewAndCommit(review: Review, context: WriteContext): Commit {
  const typed = check(review);
  return "code" in typed ? { failure: typed } : commit(review, typed, context);
}
