import type { BatchOutcome, Outcome, Page } from "../core/index.ts";
import { eventName, type Problem } from "../protocol/index.ts";
import { batchText, encodeEvent, pageText } from "./codec.ts";

/** A response, ready but for being one: what travels from the object to the edge. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const json = { "content-type": "application/json" };

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

export function answerEvents(partition: string, page: Page): HttpAnswer {
  return { status: 200, headers: json, body: pageText(page, (row) => encodeEvent(row, partition)) };
}

export function answerState({ state, eventIndex }: { state: string; eventIndex: number }): HttpAnswer {
  return { status: 200, headers: json, body: `{"state":${state},"eventIndex":${eventIndex}}` };
}

export function answerProblem(problem: Problem): HttpAnswer {
  return {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      ...(problem.retryAfter === undefined ? {} : { "retry-after": String(problem.retryAfter) }),
    },
    body: JSON.stringify(problem),
  };
}
