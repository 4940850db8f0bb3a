import type * as z from "zod/mini";
import type { Submission } from "../core/index.ts";
import type { AnyModel, PayloadOf } from "../model/index.ts";
import {
  draftBounds,
  errorStatuses,
  exceedsUtf8,
  isId,
  isVerdict,
  type JsonObject,
  type NumberedEvent,
  type Problem,
  unsendableIn,
  type WireBatchResult,
  type WireEvent,
} from "../protocol/index.ts";
import type { AnswerBody, HttpAnswer } from "../wire/partita/answers.ts";

/** An answer whose body may still be made while it is sent. */
export type AnyAnswer = HttpAnswer<AnswerBody> | HttpAnswer;

type Payloads = Record<string, z.core.$ZodType>;

/** What became of a draft of the server's own code. */
export type Written =
  | { status: "accepted"; eventId: number; event: WireEvent }
  /** Final: the same for each retry under its key. */
  | { status: "rejected"; problem: Problem }
  /** No verdict. If `problem.retryable`, the same call may succeed later, under the same key. */
  | { status: "refused"; problem: Problem };

/** What became of a batch: `accepted` if all its events are in the log. `results` has one for each draft, in order. */
export type WrittenBatch =
  | { status: "accepted" | "rejected"; results: readonly WrittenMember[] }
  | { status: "refused"; problem: Problem };

/** What became of one draft of a batch. `not_processed`: another one was rejected. */
export type WrittenMember =
  | { draftId: string; status: "accepted"; eventId: number; event: WireEvent }
  | { draftId: string; status: "rejected"; problem: Problem }
  | { draftId: string; status: "not_processed" };

/** How a draft is submitted. */
export interface WriteOptions {
  /**
   * The idempotency key, 1 to 128 visible ASCII characters: the same for each retry of one operation, another one for each
   * operation.
   */
  key: string;
  /** The version of the payload; absent: the model's current one. */
  version?: number | undefined;
  /** Rejects the draft if others have changed the same data after this event. */
  expectedEventId?: number | undefined;
}

/** One draft of a batch. `key`: of this draft. */
export type BatchWrite<P extends Payloads> = {
  [Type in keyof P & string]: { type: Type; payload: PayloadOf<P, Type> } & WriteOptions;
}[keyof P & string];

/** Events of the log, from the one after `since` on. */
export interface EventsRead {
  events: readonly NumberedEvent[];
  /** The last event of the log. */
  currentEventIndex: number;
  hasMore: boolean;
  /** Where the next page begins. */
  nextSinceEventId: number;
}

/** The state after the event `eventIndex`. */
export interface StateRead<S = JsonObject> {
  state: S;
  eventIndex: number;
}

/** How a partition is reached. */
export interface WriterCalls {
  submit(submission: Submission, bytes: number): Promise<AnyAnswer>;
  readEvents(since: number, limit: number | undefined): Promise<AnyAnswer>;
  readState(at: number | undefined): Promise<AnyAnswer>;
}

/** Thrown where a read is refused. */
export class ReadRefused extends Error {
  override name = "ReadRefused";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/**
 * One partition, for code of the server: it submits drafts, which get the same verdicts as those of clients, and reads.
 *
 * What is no draft at all (a key that is no key, a payload that JSON cannot carry, too many bytes) is a TypeError.
 */
export class PartitionWriter<S extends object = JsonObject, P extends Payloads = Payloads> {
  readonly #model: AnyModel;
  readonly #calls: WriterCalls;

  constructor(model: AnyModel, calls: WriterCalls) {
    this.#model = model;
    this.#calls = calls;
  }

  /** Submits a draft. Resolves with its verdict, also with a rejection. Rejects where nothing is known: call it again, with the same key. */
  async submit<Type extends keyof P & string>(
    type: Type,
    payload: PayloadOf<P, Type>,
    options: WriteOptions,
  ): Promise<Written> {
    const draft = this.#draftOf({ type, payload: payload as JsonObject, ...options });
    const answer = await this.#submit({ key: options.key, mode: "single", drafts: [draft] });
    if (answer.status === 201) return { status: "accepted", ...(answer.value as NumberedEvent) };
    const problem = answer.value as Problem;
    return { status: isVerdict(problem.code) ? "rejected" : "refused", problem };
  }

  /** Submits 1 to 256 drafts at once, under the key of the batch. `atomic`: all or none. `sequential`: in order, up to the first that is rejected. */
  async submitBatch(
    mode: "atomic" | "sequential",
    drafts: readonly BatchWrite<P>[],
    { key }: Pick<WriteOptions, "key">,
  ): Promise<WrittenBatch> {
    if (drafts.length === 0 || drafts.length > draftBounds.batchEventsMax)
      throw new TypeError(`a batch has 1 to ${draftBounds.batchEventsMax} drafts`);
    const given = drafts as readonly (GivenDraft & WriteOptions)[];
    const answer = await this.#submit({ key, mode, drafts: given.map((draft) => this.#draftOf(draft)) });
    if (answer.status !== 200) return { status: "refused", problem: answer.value as Problem };
    const { results } = answer.value as { results: WireBatchResult[] };
    const status = results.every((result) => result.status === "accepted") ? "accepted" : "rejected";
    return { status, results: results.map(memberOf) };
  }

  /** Reads a page of the log, from the event after `since` on: at most `limit` events (default 500, at most 1,000) and 1 MiB. @throws ReadRefused */
  async events({ since = 0, limit }: { since?: number; limit?: number } = {}): Promise<EventsRead> {
    return (await this.#read(this.#calls.readEvents(since, limit))) as EventsRead;
  }

  /** Reads the state, at the head or after the event `at`. @throws ReadRefused */
  async state({ at }: { at?: number } = {}): Promise<StateRead<S>> {
    return (await this.#read(this.#calls.readState(at))) as StateRead<S>;
  }

  #draftOf({ type, payload, key, version, expectedEventId }: GivenDraft & WriteOptions): Submission["drafts"][number] {
    if (!isId(key)) throw new TypeError("a key has 1 to 128 visible ASCII characters");
    const [lost] = unsendableIn(payload);
    if (lost) throw new TypeError(`${lost.field}: ${lost.message}`);
    const current = version ?? this.#model.eventType(type)?.version ?? 1;
    const event = { type, payload, ...(current === 1 ? {} : { version: current }) };
    // As it is stored: what has a `toJSON` is what that says.
    return { draftId: key, event: JSON.parse(JSON.stringify(event)) as typeof event, expectedEventId };
  }

  async #submit(submission: Submission): Promise<{ status: number; value: unknown }> {
    if (!isId(submission.key)) throw new TypeError("a key has 1 to 128 visible ASCII characters");
    const text = JSON.stringify(submission);
    const { frameBytesMax } = draftBounds;
    if (exceedsUtf8(text, frameBytesMax)) throw new TypeError(`what is submitted has at most ${frameBytesMax} bytes`);
    const { status, body } = await this.#calls.submit(submission, text.length);
    return { status, value: await valueOf(body) };
  }

  async #read(asked: Promise<AnyAnswer>): Promise<unknown> {
    const { status, body } = await asked;
    const value = await valueOf(body);
    if (status !== 200) throw new ReadRefused(value as Problem);
    return value;
  }
}

interface GivenDraft {
  type: string;
  payload: JsonObject;
}

async function valueOf(body: AnswerBody): Promise<unknown> {
  return JSON.parse(typeof body === "string" ? body : await new Response(body).text());
}

function memberOf(result: WireBatchResult): WrittenMember {
  const { draftId } = result;
  if (result.status === "accepted")
    return { draftId, status: "accepted", eventId: result.eventId, event: result.event };
  if (result.status === "not_processed") return { draftId, status: "not_processed" };
  const { draftId: _, status, reason: __, ...problem } = result as typeof result & { reason: string };
  return { draftId, status, problem: { ...problem, status: errorStatuses[problem.code] } as Problem };
}
