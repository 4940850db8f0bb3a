import { partitionProblem, type Problem, type TracedFailure } from "../../protocol/index.ts";
import type { RejectionRow } from "../../storage/port.ts";
import type { Submission } from "../commands.ts";
import type { Verdict } from "../replies.ts";

/** What became of a rejected batch, as it is stored. */
interface StoredBatch {
  timestamp: number;
  results: ({ kind: "rejected"; draftId: string; problem: Problem } | { kind: "not_processed"; draftId: string })[];
}

// Partitions have such texts stored, so their form never changes (test/unit/golden-problems.test.ts).

/** The text that is stored for the rejection of a single draft: its problem document. */
export function textOfRejection(failure: TracedFailure, partition: string): string {
  return JSON.stringify(partitionProblem(failure, partition));
}

/** The text that is stored for the rejection of an atomic batch: what became of each draft. */
export function textOfRejectedBatch({ timestamp, results }: Verdict, partition: string): string {
  const stored = results.map((result) => {
    if (result.kind !== "rejected") return result;
    return { kind: result.kind, draftId: result.draftId, problem: partitionProblem(result.failure, partition) };
  });
  return JSON.stringify({ timestamp, results: stored });
}

/** The verdict of a stored rejection. */
export function rejectedVerdict(
  { key, mode }: Submission,
  row: Pick<RejectionRow, "recordId"> & { problem: string },
): Verdict {
  if (mode === "single") {
    const failure = failureOf(JSON.parse(row.problem) as Problem);
    const { recordId } = row;
    return { timestamp: failure.timestamp, results: [{ kind: "rejected", draftId: key, failure, recordId }] };
  }
  const { timestamp, results } = JSON.parse(row.problem) as StoredBatch;
  return {
    timestamp,
    results: results.map((result) =>
      result.kind === "rejected"
        ? { kind: result.kind, draftId: result.draftId, failure: failureOf(result.problem) }
        : result,
    ),
  };
}

/** The failure that a problem document was made from. */
function failureOf(stored: Problem): TracedFailure {
  const {
    type: _type,
    title: _title,
    status: _status,
    instance: _instance,
    retryable: _retryable,
    ...failure
  } = stored;
  return failure;
}
