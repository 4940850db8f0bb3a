/**
 * What became of a saga, by requests, without a connection: for who has not the state of its partition.
 *
 * @module partita/client/sagas
 */
import type { SeenSaga } from "../model/index.ts";
import type { Problem } from "../protocol/index.ts";

/** Between two requests, in milliseconds: what the server asks for counts within these bounds. */
const pauseMsMin = 1_000;
const pauseMsMax = 60_000;
/** How long is waited for the end of a saga, unless it is said, in milliseconds. */
const waitMsDefault = 60_000;

/** Which saga, and how to ask for it. */
export interface SagaAddress {
  /** The origin of the server, for example `https://example.com`. */
  url: string;
  partition: string;
  /** The id that was given to it at its start. */
  saga: string;
  /** Returns a valid token. Called for each request. Absent: requests have none. */
  token?: (() => string | Promise<string>) | undefined;
  /** Ends a request or a wait, which rejects with its reason. */
  signal?: AbortSignal | undefined;
  /** Sends a request, where it is not the platform's `fetch`. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** A saga, as the server tells it. */
export type ToldSaga = SeenSaga & {
  id: string;
  /** How many steps it has. */
  steps: number;
};

/** The server has not reported a saga. */
export class SagaError extends Error {
  /** Why, as `not_found`: there is none of this id, or it is forgotten. Undefined: what answered was not the server. */
  readonly problem: Problem | undefined;

  constructor(message: string, problem?: Problem) {
    super(message);
    this.name = "SagaError";
    this.problem = problem;
  }
}

/**
 * Asks once what became of a saga.
 *
 * @throws SagaError where the server does not report it; what `fetch` throws; the reason of `signal`.
 */
export async function readSaga(address: SagaAddress): Promise<ToldSaga> {
  return (await ask(address)).saga;
}

/**
 * Asks until a saga has succeeded or failed, as often as the server says. Returns it as the server has last reported it: `in_progress`
 * where `waitMs` milliseconds (default: 60,000) were not enough. Meanwhile the server may be out of reach.
 *
 * @example
 * const { state, problem } = await endOfSaga({ url, partition: "bank-1", saga: "t-1", token });
 * if (state === "failed") alert(problem?.detail);
 *
 * @throws SagaError where the server does not report it, and trying again would not help; the reason of `signal`; at the end
 * of the time, why the last request failed.
 */
export async function endOfSaga({
  waitMs = waitMsDefault,
  ...address
}: SagaAddress & { waitMs?: number }): Promise<ToldSaga> {
  const until = Date.now() + waitMs;
  for (;;) {
    const answer = await ask(address).catch((error: unknown) => {
      address.signal?.throwIfAborted();
      if (error instanceof SagaError && error.problem?.retryable === false) throw error;
      const seconds = error instanceof SagaError ? error.problem?.retryAfter : undefined;
      return { error, pauseMs: pauseOf(seconds) };
    });
    if ("saga" in answer && answer.saga.state !== "in_progress") return answer.saga;
    if (Date.now() + answer.pauseMs > until) {
      if ("saga" in answer) return answer.saga;
      throw answer.error;
    }
    await pause(answer.pauseMs, address.signal);
  }
}

async function ask({
  url,
  partition,
  saga,
  token,
  signal,
  fetch = (...request) => globalThis.fetch(...request),
}: SagaAddress): Promise<{ saga: ToldSaga; pauseMs: number }> {
  const path = `/v1/partitions/${encodeURIComponent(partition)}/sagas/${encodeURIComponent(saga)}`;
  const headers: Record<string, string> = token ? { authorization: `Bearer ${await token()}` } : {};
  const response = await fetch(new URL(url).origin + path, { headers, ...(signal && { signal }) });
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status === 200 && isTold(body)) {
    return { saga: body, pauseMs: pauseOf(Number(response.headers.get("retry-after") ?? Number.NaN)) };
  }
  const problem = isProblem(body) ? body : undefined;
  throw new SagaError(problem?.detail ?? `the answer has the status ${response.status}`, problem);
}

const isTold = (body: unknown): body is ToldSaga =>
  typeof body === "object" && body !== null && "id" in body && "state" in body;
const isProblem = (body: unknown): body is Problem =>
  typeof body === "object" && body !== null && "code" in body && "retryable" in body;

/** The pause that a server asks for, in seconds; nothing that it can be: the shortest one. */
function pauseOf(seconds = Number.NaN): number {
  return Number.isNaN(seconds) ? pauseMsMin : Math.min(Math.max(seconds * 1_000, pauseMsMin), pauseMsMax);
}

/** Rejects with the reason of the signal as soon as it is aborted. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
