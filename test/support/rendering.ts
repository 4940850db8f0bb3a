import { type Outcome, single, type Submission } from "../../src/core/index.ts";
import { type Author, type Failure, type JsonObject } from "../../src/protocol/index.ts";
import { answerOutcome, answerFailure, type HttpAnswer } from "../../src/wire/partita/answers.ts";
import { partitaDialect } from "../../src/wire/partita/codec.ts";
import type { TestPartition } from "./partition.ts";

// The only place where the golden tests touch the core's types: tests compare the bytes that these functions return.

/** One failure in each form that a client can receive it. */
export function renderings(failure: Failure): Record<string, HttpAnswer | string> {
  const traced = { ...failure, traceId: "0af7651916cd43dd8448eb211c80319c", timestamp: 1_700_000_000_000 };
  const codec = partitaDialect("room");
  const frame = (effect: Parameters<typeof codec.frames>[0][number]) => codec.frames([effect], [], undefined)[0]!;
  const rejection = {
    timestamp: traced.timestamp,
    results: [{ kind: "rejected" as const, draftId: "d1", failure: traced, recordId: 1 }],
  };
  const verdict = {
    timestamp: traced.timestamp,
    results: [
      { kind: "rejected" as const, draftId: "d1", failure: traced },
      { kind: "not_processed" as const, draftId: "d2", failure: traced },
      { kind: "not_processed" as const, draftId: "d3" },
    ],
  };
  return {
    http: answerFailure("room", traced),
    error: frame({ kind: "error", requestId: "m1", draftId: "d1", failure: traced }),
    errorOfConnection: frame({ kind: "error", requestId: undefined, draftId: undefined, failure: traced }),
    rejected: frame({ kind: "decided", key: "d1", mode: "single", verdict: rejection, replayed: false }),
    batch: frame({ kind: "decided", key: "b", mode: "atomic", verdict, replayed: false }),
    batchOverHttp: answerOutcome("room", { key: "b", mode: "atomic" }, { kind: "decided", verdict, replayed: false }),
  };
}

/** A draft as `POST /v1/partitions/{partition}/events` submits it. */
export interface PostedDraft {
  draftId: string;
  event: JsonObject & { type: string };
  expectedEventId?: unknown;
}

/** The author of a request over HTTP, and its trace id. */
export interface PostedBy {
  author: Author;
  clientId: string;
  traceId: string;
}

/** Submits a draft over HTTP. */
export function postDraft(room: TestPartition, name: string, by: PostedBy, draft: PostedDraft): HttpAnswer {
  return post(room, name, by, single({ expectedEventId: undefined, ...draft }));
}

/** Submits a batch over HTTP. */
export function postBatch(
  room: TestPartition,
  name: string,
  by: PostedBy,
  { batchId, mode, drafts }: { batchId: string; mode: "atomic" | "sequential"; drafts: PostedDraft[] },
): HttpAnswer {
  const withExpectations = drafts.map((draft) => ({ expectedEventId: undefined, ...draft }));
  return post(room, name, by, { key: batchId, mode, drafts: withExpectations });
}

function post(room: TestPartition, name: string, by: PostedBy, submission: Submission): HttpAnswer {
  let answer: HttpAnswer | undefined;
  const work = { ...by, submission, answer: (outcome: Outcome) => (answer = answerOutcome(name, submission, outcome)) };
  room.partition.process([work], room.now);
  return answer!;
}
