import { problemHeaders } from "../wire/partita/answers.ts";
import { log } from "../platform/log.ts";
import { type Failure, type Problem, problem as problemOf } from "../protocol/index.ts";
import type { EdgeContext } from "./env.ts";

/** Thrown to answer a request with a failure. */
export class Refused extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/**
 * Returns a result that is not a failure.
 *
 * @throws Refused where `result` is a failure.
 */
export function orRefuse<T extends object>(result: T | Failure): Exclude<T, Failure> {
  if ("code" in result && "detail" in result) throw new Refused(result);
  return result as Exclude<T, Failure>;
}

/** Answers this request with the failure as a problem document. `error`: an unexpected error; it is logged. */
export function refuse(
  c: EdgeContext,
  failure: Failure,
  headers: Record<string, string> = {},
  error?: unknown,
): Response {
  const problem = problemAt(c, failure);
  if (error !== undefined) log("request_failed", { traceId: problem.traceId, error: String(error) });
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { ...problemHeaders(problem), ...headers },
  });
}

/** The failure as the problem of this request. */
export function problemAt(c: EdgeContext, failure: Failure): Problem {
  return problemOf(failure, { instance: c.req.path, traceId: c.get("traceId"), timestamp: Date.now() });
}
