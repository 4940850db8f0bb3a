import { type Author, type Failure, isVerdict } from "../../protocol/index.ts";
import type { Submission } from "../commands.ts";
import type { Outcome } from "../replies.ts";
import { problemOf } from "../refusal.ts";
import type { WriteScene } from "../window/scene.ts";
import { commit, type Commit } from "./commit.ts";
import { acceptedVerdict, findPrior, forgetExpired, keyReused, rejectedVerdict, replay } from "./deduplicate.ts";
import { ModelFault } from "./model-fault.ts";
import { logModelFault, recordRejection } from "./record.ts";
import { tooManyRejections } from "./rejections.ts";
import { type Review, reviewOf } from "./review.ts";
import { check } from "./stages.ts";

const draftFailed: Failure = {
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
export function decideSingle(scene: WriteScene, author: Author, clientId: string, submission: Submission): Outcome {
  const { live, ports } = scene;
  const { key, drafts } = submission;
  const { principal } = author;
  const review = reviewOf(scene, author, clientId, drafts[0]!);
  let failure: Failure | undefined;
  let fault: ModelFault | undefined;
  try {
    const result = reviewAndCommit(review, scene);
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

  if (forgetExpired(scene, principal, key)) return decideSingle(scene, author, clientId, submission);
  const prior = findPrior(ports.storage, principal, key);
  if (prior) {
    const again = replay(prior, submission, ports);
    if (again) return again;
    failure = keyReused;
  }
  if (!failure) throw new Error("the log refused a key that it does not hold");

  if (isVerdict(failure.code) && live.rejections.full(ports.storage, principal)) failure = tooManyRejections;
  const problem = problemOf(failure, scene);
  if (fault) logModelFault(scene, principal, submission, problem.traceId, fault);
  if (failure.code === keyReused.code) {
    const results = [{ kind: "rejected", draftId: key, problem } as const];
    return { kind: "decided", verdict: { timestamp: problem.timestamp, results }, replayed: true };
  }
  if (!isVerdict(failure.code)) return { kind: "refused", problem };
  const text = JSON.stringify(problem);
  const recordId = recordRejection(scene, principal, submission, text);
  return { kind: "decided", verdict: rejectedVerdict(key, { recordId, problem: text }), replayed: false };
}

/** The stages and the commit; the first that fails decides. Undefined: the key was used before. */
function reviewAndCommit(review: Review, { writes }: WriteScene): Commit {
  const typed = check(review);
  return "code" in typed ? { failure: typed } : commit(review, typed, writes);
}
