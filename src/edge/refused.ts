import { problemHeaders } from "../wire/partita/answers.ts";
import { log } from "../platform/log.ts";
import { type Failure, type Problem, problem } from "../protocol/index.ts";
import type { EdgeContext } from "./env.ts";

/** Thrown to answer a request with a failure. */
export class Refused extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** @throws Refused where `result` is a failure. */
export function accepted<T extends object>(result: T | Failure): Exclude<T, Failure> {
  if ("code" in result && "detail" in result) throw new Refused(result);
  return result as Exclude<T, Failure>;
}

/** The failure as the problem document of this request. `error`: what nobody planned for; it is logged. */
export function refuse(
  c: EdgeContext,
  failure: Failure,
  headers: Record<string, string> = {},
  error?: unknown,
): Response {
  const told = problemAt(c, failure);
  if (error !== undefined) log("error", "a request failed", { traceId: told.traceId, error: String(error) });
  return new Response(JSON.stringify(told), {
    status: told.status,
    headers: { ...problemHeaders(told), ...headers },
  });
}

/** The failure as the problem of this request. */
export function problemAt(c: EdgeContext, failure: Failure): Problem {
  return problem(failure, { instance: c.req.path, traceId: c.get("traceId"), timestamp: Date.now() });
}
