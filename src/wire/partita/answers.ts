import type { DraftResult, Outcome, Page, Submission } from "../../core/index.ts";
import { eventName, partitionPath, partitionProblem, type Problem, type TracedFailure } from "../../protocol/index.ts";
import { batchText, encodeEvent, pageText } from "./codec.ts";

/** A response, ready but for being one: what travels from the object to the edge. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  /** Empty where there is none, as of 304. */
  body: string;
}

const json = { "content-type": "application/json" };
/** Of what a reader may keep, but must ask about before it is used again: what it is depends on who asks. */
const kept = (etag: string) => ({ etag, "cache-control": "private, no-cache", vary: "Authorization" });

/** The answer to a submission. It derives from what is stored, so a replay is the same in every byte. */
export function answerOutcome(
  partition: string,
  { key, mode }: Pick<Submission, "key" | "mode">,
  outcome: Outcome,
): HttpAnswer {
  if (outcome.kind === "refused") return answerFailure(partition, outcome.failure);
  const { verdict } = outcome;
  if (mode === "single") return answerSingle(partition, verdict.results[0]!);
  const body = batchText(key, verdict, {
    event: (row) => encodeEvent(row, partition),
    problem: (failure) => partitionProblem(failure, partition),
  });
  return { status: 200, headers: json, body };
}

/** The answer to a single draft: 201 with its event, or the problem for which it was rejected. */
function answerSingle(partition: string, result: DraftResult): HttpAnswer {
  if (result.kind === "not_processed") throw new Error("a single draft is decided");
  if (result.kind === "rejected") return answerFailure(partition, result.failure);
  const { event } = result;
  return {
    status: 201,
    headers: {
      ...json,
      location: `${partitionPath(partition)}/events?since=${event.eventId - 1}&limit=1`,
      etag: `"${eventName(event.eventId)}"`,
    },
    body: `{"eventId":${event.eventId},"event":${encodeEvent(event, partition)}}`,
  };
}

export function answerEvents(partition: string, page: Page, etag: string): HttpAnswer {
  const body = pageText(page, (row) => encodeEvent(row, partition));
  return { status: 200, headers: { ...json, ...kept(etag) }, body };
}

export function answerState({ state, eventIndex }: { state: string; eventIndex: number }, etag: string): HttpAnswer {
  return { status: 200, headers: { ...json, ...kept(etag) }, body: `{"state":${state},"eventIndex":${eventIndex}}` };
}

/** The answer to a reader who has what `etag` stands for. */
export function answerUnchanged(etag: string): HttpAnswer {
  return { status: 304, headers: kept(etag), body: "" };
}

export function answerFailure(partition: string, failure: TracedFailure): HttpAnswer {
  const problem = partitionProblem(failure, partition);
  return { status: problem.status, headers: problemHeaders(problem), body: JSON.stringify(problem) };
}

/** The headers of a problem; of a limit, as draft-ietf-httpapi-ratelimit-headers has them. */
export function problemHeaders({ retryAfter, rateLimit }: Problem): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
  };
  if (retryAfter !== undefined) headers["retry-after"] = String(retryAfter);
  if (rateLimit) {
    headers["ratelimit-policy"] = `"${rateLimit.policy}";q=${rateLimit.quota};w=${rateLimit.windowSeconds}`;
    headers["ratelimit"] = `"${rateLimit.policy}";r=0;t=${retryAfter}`;
  }
  return headers;
}

export function responseOf({ body, status, headers }: HttpAnswer): Response {
  return new Response(body === "" ? null : body, { status, headers });
}
