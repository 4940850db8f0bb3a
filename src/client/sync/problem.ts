import { type ErrorCode, type Failure, type Problem, type ProblemPlace, problemWith } from "../../protocol/index.ts";

/** The statuses of what a client judges by itself, and of final results of drafts, whose messages have none; others are 422. */
const statuses: Partial<Record<ErrorCode, number>> = {
  bad_request: 400,
  payload_too_large: 413,
  forbidden: 403,
  conflict: 409,
  too_stale: 409,
  precondition_required: 428,
  draft_failed: 500,
  internal: 500,
  quota_exceeded: 403,
  state_too_large: 507,
  storage_full: 507,
  too_many_timers: 507,
};

/** The problem document of a verdict, or of what this client has judged: as the server makes it. */
export function clientProblem(failure: Failure, at: ProblemPlace): Problem {
  return problemWith(statuses[failure.code] ?? 422, failure, at);
}
