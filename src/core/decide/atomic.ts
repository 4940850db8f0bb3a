import { canonicalJson, type Failure, isVerdict, type Json, type Problem, problem } from "../../protocol/index.ts";
import { sameBytes } from "../../storage/bytes.ts";
import type { BatchRow, StorageWrites } from "../../storage/port.ts";
import type { Batch, Draft } from "../commands.ts";
import type { BatchOutcome, BatchResult, BatchVerdict } from "../replies.ts";
import { ModelFault } from "./model-fault.ts";
import type { Ports } from "../ports.ts";
import { apply, rowOf } from "./commit.ts";
import { findPrior, forgetExpired, keyReused } from "./deduplicate.ts";
import { tooManyRejections } from "./rejections.ts";
import { contentOf, type Review, type TypedDraft } from "./review.ts";
import { check } from "./submit.ts";

/**
 * All drafts of a batch, or none: one verdict under the batch's own key, one time, and the members'
 * keys are bound when it is accepted. Each member is reviewed on the state that those before it
 * leave; all that object are listed. Throws only what the storage throws.
 */
export function submitAtomic(
  batch: Batch,
  reviewOf: (draft: Draft) => Review,
  writes: StorageWrites,
  ports: Ports,
): BatchOutcome {
  const first = reviewOf(batch.drafts[0]!);
  const { live, reads, author, now } = first;
  const tell = (failure: Failure): Problem =>
    problem(failure, {
      instance: `/v1/partitions/${first.partition}`,
      traceId: ports.random.traceId(),
      timestamp: now,
    });

  const fingerprint = ports.sha256(canonicalJson(contentOfBatch(batch)));
  for (const key of [batch.batchId, ...batch.drafts.map(({ draftId }) => draftId)]) forgetExpired(first, key, writes);
  const prior = findPrior(reads, author.principal, batch.batchId);
  if (prior) {
    if (prior.kind === "event" || !sameBytes(prior.row.fingerprint, fingerprint)) {
      return { kind: "refused", problem: tell(keyReused) };
    }
    const verdict =
      prior.kind === "batch" ? acceptedAgain(prior.row, first) : (JSON.parse(prior.row.problem) as BatchVerdict);
    return { kind: "decided", verdict, replayed: true };
  }

  const before = live.position;
  const accepted: { review: Review; typed: TypedDraft }[] = [];
  const failures = new Map<string, Failure>();
  try {
    for (const draft of batch.drafts) {
      const review = reviewOf(draft);
      const used = findPrior(reads, author.principal, draft.draftId);
      const typed = used ? keyReused : check(review);
      const applied = "code" in typed ? { failure: typed } : apply(review, typed);
      if ("failure" in applied) failures.set(draft.draftId, applied.failure);
      else {
        accepted.push({ review, typed: typed as TypedDraft });
        live.head.reserve();
      }
    }
  } catch (error) {
    live.undoTo(before);
    if (!(error instanceof ModelFault)) throw error;
    return {
      kind: "refused",
      problem: tell({ code: "draft_failed", detail: "The model failed on a draft of this batch." }),
    };
  }

  if (failures.size > 0) {
    live.undoTo(before);
    const results = batch.drafts.map(({ draftId }): BatchResult => {
      const failure = failures.get(draftId);
      return failure ? { kind: "rejected", draftId, problem: tell(failure) } : { kind: "not_processed", draftId };
    });
    const verdict: BatchVerdict = { timestamp: now, results };
    const final = [...failures.values()].every(({ code }) => isVerdict(code) || code === keyReused.code);
    if (!final) return { kind: "refused", problem: tell([...failures.values()][0]!) };
    if (live.rejections.full(reads, author.principal)) return { kind: "refused", problem: tell(tooManyRejections) };
    const { principal } = author;
    writes.rejections.record({
      principal,
      draftId: batch.batchId,
      fingerprint,
      problem: JSON.stringify(verdict),
      createdAt: now,
    });
    live.rejections.add(reads, author.principal);
    return { kind: "decided", verdict, replayed: false };
  }

  const batchEnd = live.head.eventId;
  live.head.release(before.eventId);
  const rows = accepted.map(({ review, typed }, at) => rowOf(review, typed, before.eventId + 1 + at, batchEnd));
  for (const row of rows) {
    if (!writes.events.append(row)) throw new Error("the log refused a key that it does not hold");
    live.append(row);
  }
  writes.batches.record({
    principal: author.principal,
    batchId: batch.batchId,
    fingerprint,
    firstEventId: rows[0]!.eventId,
    eventCount: rows.length,
  });
  return { kind: "decided", verdict: verdictOf(rows), replayed: false };
}

function verdictOf(rows: ReturnType<typeof rowOf>[]): BatchVerdict {
  return { timestamp: rows[0]!.timestamp, results: rows.map((event) => ({ kind: "accepted", event })) };
}

function acceptedAgain(row: BatchRow, { reads }: Review): BatchVerdict {
  return verdictOf(reads.events.after(row.firstEventId - 1, row.eventCount));
}

function contentOfBatch({ mode, drafts }: Batch): Json {
  return { mode, events: drafts.map((draft) => ({ draftId: draft.draftId, ...contentOf(draft) })) };
}
