import { type Failure, isVerdict, problem } from "../../protocol/index.ts";
import type { StorageWrites } from "../../storage/port.ts";
import type { Outcome } from "../replies.ts";
import { ModelFault } from "./model-fault.ts";
import { describe, type Ports } from "../ports.ts";
import { commit } from "./commit.ts";
import { checkConflict } from "./conflict.ts";
import { findPrior, forgetExpired, fingerprintOf, rejectionOf, replay } from "./deduplicate.ts";
import { checkPermission } from "./permission.ts";
import type { Review, TypedDraft } from "./review.ts";
import { tooManyRejections } from "./rejections.ts";
import { checkRules } from "./rules.ts";
import { checkSchema } from "./schema.ts";

/**
 * `(state, draft, now) → verdict`, inside one transaction and one turn: review, append, or record
 * the rejection. Throws only what the storage throws.
 *
 * A key that was used before is found by the INSERT's conflict, or, when a stage objects, by a
 * look-up before the objection counts. So a retry gets its first answer whatever the stages
 * would say today, and a new draft costs no look-up.
 */
export function submit(review: Review, writes: StorageWrites, ports: Ports): Outcome {
  const { live, author, draft, now } = review;
  let objection: Failure | undefined;
  let fault: ModelFault | undefined;
  try {
    const result = reviewAndCommit(review, writes);
    if (result && "row" in result) {
      live.append(result.row);
      return { kind: "accepted", event: result.row, replayed: false };
    }
    objection = result?.failure;
  } catch (error) {
    if (!(error instanceof ModelFault)) throw error;
    fault = error;
    objection = { code: "draft_failed", detail: "The model failed on this draft. Sending it again will not help." };
  }

  if (forgetExpired(review, draft.draftId, writes)) return submit(review, writes, ports);
  const prior = findPrior(review.reads, author.principal, draft.draftId);
  if (prior) {
    const answer = replay(prior, review, ports);
    if ("kind" in answer) return answer;
    objection = answer;
  }
  if (!objection) throw new Error("the log refused a key that it does not hold");

  if (isVerdict(objection.code) && live.rejections.full(review.reads, author.principal)) objection = tooManyRejections;
  const told = problem(objection, {
    instance: `/v1/partitions/${review.partition}`,
    traceId: ports.random.traceId(),
    timestamp: now,
  });
  if (fault) {
    ports.log("error", "the model failed on a draft", {
      partition: review.partition,
      principal: author.principal,
      draftId: draft.draftId,
      traceId: told.traceId,
      error: describe(fault.cause),
    });
  }
  if (objection.code === "idempotency_key_reused") {
    return { kind: "rejected", rejection: { messageId: `r-${told.traceId}`, problem: told }, replayed: false };
  }
  if (!isVerdict(objection.code)) return { kind: "refused", problem: told };
  const text = JSON.stringify(told);
  const recordId = writes.rejections.record({
    principal: author.principal,
    draftId: draft.draftId,
    fingerprint: fingerprintOf(review, ports),
    problem: text,
    createdAt: now,
  });
  live.rejections.add(review.reads, author.principal);
  return { kind: "rejected", rejection: rejectionOf({ recordId, problem: text }), replayed: false };
}

/** The stages and the commit; the first that objects decides. Undefined: the key was used before. */
function reviewAndCommit(review: Review, writes: StorageWrites): ReturnType<typeof commit> {
  const typed = check(review);
  return "code" in typed ? { failure: typed } : commit(review, typed, writes);
}

/** The stages that look only, in order; the first that objects decides. */
export function check(review: Review): Failure | TypedDraft {
  const typed = checkSchema(review);
  if ("code" in typed) return typed;
  return checkPermission(review, typed) ?? checkConflict(review, typed) ?? checkRules(review, typed) ?? typed;
}
