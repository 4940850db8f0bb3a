import type { BatchOutcome, Outcome, Page } from "../../core/index.ts";
import { eventName, type Problem } from "../../protocol/index.ts";
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

/** The answer to a draft. It derives from what is stored, so a replay is the same in every byte. */
export function answerOutcome(partition: string, outcome: Outcome): HttpAnswer {
  if (outcome.kind === "refused") return answerProblem(outcome.problem);
  if (outcome.kind === "rejected") return answerProblem(outcome.rejection.problem);
  const { event } = outcome;
  return {
    status: 201,
    headers: {
      ...json,
      location: `/v1/partitions/${partition}/events?since=${event.eventId - 1}&limit=1`,
      etag: `"${eventName(event.eventId)}"`,
    },
    body: `{"eventId":${event.eventId},"event":${encodeEvent(event, partition)}}`,
  };
}

/** The answer to a batch: 200, or the problem where nothing was decided. What became of each draft is in it. */
export function answerBatch(partition: string, batchId: string, outcome: BatchOutcome): HttpAnswer {
  if (outcome.kind === "refused") return answerProblem(outcome.problem);
  const body = batchText(batchId, outcome.verdict, (row) => encodeEvent(row, partition));
  return { status: 200, headers: json, body };
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

export function answerProblem(problem: Problem): HttpAnswer {
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
