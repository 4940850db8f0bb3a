import type { DraftResult, Folded, FoundSaga, Outcome, Page, SagaPage, Submission, Usages } from "../../core/index.ts";
import { eventName, partitionPath, partitionProblem, type Problem, type TracedFailure } from "../../protocol/index.ts";
import { type DeadLetterRow, effectIdOf, type EventRow } from "../../storage/port.ts";
import { batchText, correlationMember, encodeEvent, noProof, pageText } from "./codec.ts";

/** A body as text, or as it is made. */
export type AnswerBody = string | ReadableStream<Uint8Array>;

/** The parts of an HTTP response, as the object passes them to the edge. */
export interface HttpAnswer<Body extends AnswerBody = string> {
  status: number;
  headers: Record<string, string>;
  /** Empty if there is no body, as for 304. */
  body: Body;
}

const json = { "content-type": "application/json" };
/** Headers for cacheable responses that must be revalidated; they differ per client. */
const kept = (etag: string) => ({ etag, "cache-control": "private, no-cache", vary: "Authorization" });

/** The answer to a submission. It derives from what is stored, so a replay is byte for byte the same. */
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
    proof: noProof,
    problem: (failure) => partitionProblem(failure, partition),
  });
  return { status: 200, headers: json, body };
}

/** The answer to an import: how many of its events are in the log now, or why the first one is not. */
export function answerImported(partition: string, outcome: Outcome): HttpAnswer {
  if (outcome.kind === "refused") return answerFailure(partition, outcome.failure);
  const { results } = outcome.verdict;
  const open = results.findIndex(({ kind }) => kind !== "accepted");
  const [first] = results;
  if (open === 0 && first && first.kind !== "accepted" && first.failure) return answerFailure(partition, first.failure);
  return answerJson({ imported: open < 0 ? results.length : open });
}

/** The answer to a single draft: 201 with its event, or the problem of its rejection. */
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

/** What a page has beside its events. */
export interface PageOptions {
  readonly proofs?: boolean | undefined;
  readonly correlations?: boolean | undefined;
}

/** `textOf`: of an event, see `loggedText`. */
export function answerEvents(
  page: Page,
  etag: string,
  textOf: (row: EventRow) => string,
  { proofs = false, correlations = false }: PageOptions = {},
): HttpAnswer {
  const body = pageText(page, textOf, proofs, correlations ? correlationMember : undefined);
  return { status: 200, headers: { ...json, ...kept(etag) }, body };
}

/** `body`: with the parts that `stateParts` says. */
export function answerState<Body extends AnswerBody>(body: Body, etag: string): HttpAnswer<Body> {
  return { status: 200, headers: { ...json, ...kept(etag) }, body };
}

/** Of which log a state is, and what folded it; each only where it was asked for and there is one. */
export interface StateOrigin {
  readonly serverId?: string | undefined;
  /** Of its event. */
  readonly proof?: string | undefined;
  readonly modelVersion?: number | undefined;
}

/** What comes before and after the text of a state. */
export function stateParts(eventIndex: number, origin: StateOrigin): { head: string; tail: string } {
  return { head: '{"state":', tail: `,${JSON.stringify({ eventIndex, ...origin }).slice(1)}` };
}

/** The answer where a state is not folded yet: it is asked for again. */
export function answerFolded(folded: Folded): HttpAnswer {
  return { ...answerJson({ folded }), status: 202 };
}

/** The answer to a request for how full a partition is. */
export function answerUsage(usage: Usages): HttpAnswer {
  return answerJson({ usage });
}

/** The answer to a request for one saga. As long as it goes on, it says when to ask again. */
export function answerSaga(saga: FoundSaga): HttpAnswer {
  const answer = answerJson(saga);
  return saga.state === "in_progress" ? { ...answer, headers: { ...answer.headers, "retry-after": "1" } } : answer;
}

/** The answer to a request for sagas. */
export function answerSagas({ sagas, next }: SagaPage): HttpAnswer {
  return answerJson({ sagas, ...(next === undefined ? {} : { next }) });
}

/** The answer to a request for dead letters. `next`: there may be more after the last one. */
export function answerDeadLetters(rows: readonly DeadLetterRow[], more: boolean): HttpAnswer {
  const deadLetters = rows.map((row) => {
    const { payload: _, ...letter } = deadLetterOf(row);
    return letter;
  });
  const next = more ? { next: effectIdOf(rows.at(-1)!) } : {};
  return answerJson({ deadLetters, ...next });
}

/** The answer to a request for one dead letter, with its payload. */
export function answerDeadLetter(row: DeadLetterRow): HttpAnswer {
  return answerJson(deadLetterOf(row));
}

function deadLetterOf(row: DeadLetterRow) {
  // A damaged one has none of these.
  const { type, version, payload } = JSON.parse(row.body ?? "{}") as {
    type?: string;
    version?: number;
    payload?: unknown;
  };
  const { code, detail } = JSON.parse(row.detail) as { code?: string; detail?: string };
  const { kind, destination, createdAt: timestamp, diedAt, reason, correlationId, hops } = row;
  const effectId = effectIdOf(row);
  return {
    effectId,
    kind,
    destination,
    type,
    version,
    timestamp,
    diedAt,
    reason,
    code,
    detail,
    correlationId,
    hops,
    payload,
  };
}

/** An answer that nobody keeps. */
export function answerJson(value: unknown): HttpAnswer {
  return { status: 200, headers: { ...json, "cache-control": "no-store" }, body: JSON.stringify(value) };
}

/** What a connection is given by a poll, as JSON; empty if that is nothing. `isNew`: it was opened by this poll. */
export function polledText(
  connectionId: string,
  given: { from: number; frames: readonly string[]; end?: { code: number; reason: string } },
  isNew: boolean,
): string {
  return isNew || given.frames.length > 0 || given.end ? JSON.stringify({ connectionId, ...given }) : "";
}

/** The answer to a poll. */
export function answerPolled(body: AnswerBody): HttpAnswer<AnswerBody> {
  return { status: 200, headers: { ...json, "cache-control": "no-store" }, body };
}

/** The answer to a reader that has this version already. */
export function answerUnchanged(etag: string): HttpAnswer {
  return { status: 304, headers: kept(etag), body: "" };
}

export function answerFailure(partition: string, failure: TracedFailure): HttpAnswer {
  const problem = partitionProblem(failure, partition);
  return { status: problem.status, headers: problemHeaders(problem), body: JSON.stringify(problem) };
}

/** The headers of a problem; for a limit, those of draft-ietf-httpapi-ratelimit-headers. */
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

export function responseOf({ body, status, headers }: HttpAnswer<AnswerBody>): Response {
  return new Response(body === "" ? null : body, { status, headers });
}
