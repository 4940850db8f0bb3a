import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import { rejectionRetentionMs } from "../../src/core/index.ts";
import { type AnyModel, foldEvent, State } from "../../src/model/index.ts";
import { canonicalJson, isVerdict, type Json, type Problem } from "../../src/protocol/index.ts";
import type { SqlDriver } from "../../src/storage/driver.ts";
import { isMigrated } from "../../src/storage/migrations.ts";
import type { EventRow } from "../../src/storage/port.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { loggedEvent } from "../../src/core/fold.ts";
import { bytesPort, migrations } from "../support/partition.ts";
import type { Trace } from "./trace.ts";
import type { Asked, Member, Told } from "./wire.ts";

/** A verdict as it was told the first time. */
interface Verdict {
  content: string;
  /** The message; undefined while it was told inside a batch's result only. */
  text: string | undefined;
  /** Of a rejection: what names it, and its time. */
  rejection: { traceId: string; at: number } | undefined;
}

/** No job is due later than this: rejections are kept for 30 days, by a clock that may be set back by some. */
const jobDueMsMax = rejectionRetentionMs + 10 * 24 * 60 * 60 * 1_000;

/** Canonical JSON of JSON text: what two equal states have in common. */
export const canonicalText = (text: string): string => canonicalJson(JSON.parse(text) as Json);

const keyOf = (principal: string, draftId: string): string => `${principal} ${draftId}`;

/** The canonical content of a stored event: what its draft must have had. */
function contentOfRow({ type, version, payload, expectedEventId }: EventRow): string {
  return canonicalJson({
    type,
    payload: JSON.parse(payload) as Json,
    ...(version === undefined ? {} : { version }),
    ...(expectedEventId === undefined ? {} : { expectedEventId }),
  });
}

/**
 * What is true: what the database holds, read past all faults, and what was ever told. Each thing
 * that is told is held against both.
 */
export class Ledger {
  readonly #disk: SqlDriver;
  readonly #model: AnyModel;
  readonly #trace: Trace;
  readonly #clock: () => number;
  /** Whether the log has been created. */
  #begun = false;
  /** The latest that the server's clock has ever shown. */
  #latest = 0;
  readonly #rows: EventRow[] = [];
  readonly #keys = new Map<string, EventRow>();
  readonly #told = new Map<string, Verdict>();
  /** Verdicts whose retention has ended: their keys are free again. */
  readonly #forgotten = new Set<string>();
  /** What sequential batches were told. */
  readonly #sequences = new Map<string, string>();
  readonly #broadcasts = new Map<number, string>();
  readonly #state: State<object>;
  #stateText: { head: number; text: string } | undefined;
  /** Called with each event that is new in the log. */
  onEvent: (row: EventRow) => void = () => {};
  #storage: PartitionStorage | undefined;

  constructor(disk: SqlDriver, model: AnyModel, trace: Trace, clock: () => number) {
    this.#clock = clock;
    this.#disk = disk;
    this.#model = model;
    this.#trace = trace;
    this.#state = new State<object>(model.initialState() as object);
  }

  get head(): number {
    return this.#rows.length;
  }

  get rows(): readonly EventRow[] {
    return this.#rows;
  }

  /** The state that the log folds to, in canonical JSON. */
  get state(): string {
    if (this.#stateText?.head !== this.head) {
      this.#stateText = { head: this.head, text: canonicalText(this.#state.stringify()) };
    }
    return this.#stateText.text;
  }

  /** The state after an earlier event, folded from the beginning, in canonical JSON. */
  stateAt(eventId: number): string {
    if (eventId === this.head) return this.state;
    const state = new State<object>(this.#model.initialState() as object);
    for (const row of this.#rows.slice(0, eventId)) foldEvent(this.#model, state, loggedEvent(row));
    return canonicalText(state.stringify());
  }

  event(principal: string, draftId: string): EventRow | undefined {
    return this.#keys.get(keyOf(principal, draftId));
  }

  /** What names the stored rejection of a draft or of an atomic batch; undefined: there is none. */
  rejection(principal: string, key: string): string | undefined {
    const stored = this.#reads()?.rejections.find(principal, key);
    return stored && (JSON.parse(stored.problem) as { traceId: string }).traceId;
  }

  isForgotten(principal: string, draftId: string): boolean {
    return this.#forgotten.has(keyOf(principal, draftId));
  }

  /** Reads what is new in the log, and checks that it may stand there. Not while a transaction is open. */
  observe(): void {
    this.#latest = Math.max(this.#latest, this.#clock());
    const reads = this.#reads();
    if (!reads) return;
    this.#begun ||= reads.log.identity() !== undefined;
    this.#trace.check(this.#begun, () => "there is a schema, but nothing was ever written");
    for (const row of reads.events.after(this.head, Number.MAX_SAFE_INTEGER)) {
      const last = this.#rows.at(-1);
      const key = keyOf(row.principal, row.draftId);
      this.#trace.check(row.eventId === this.head + 1, () => `event ${row.eventId} follows ${this.head}`);
      this.#trace.check(!this.#keys.has(key), () => `two events under the key ${key}`);
      const rejected = this.#verdict(row.principal, row.draftId)?.rejection !== undefined;
      this.#trace.check(!rejected, () => `${key} was told to be rejected, and is in the log as event ${row.eventId}`);
      this.#trace.check(row.timestamp >= (last?.timestamp ?? 0), () => `time runs backwards at event ${row.eventId}`);
      this.#checkBatch(row, last);
      this.#checkConflict(row);
      this.#rows.push(row);
      this.onEvent(row);
      this.#keys.set(key, row);
      foldEvent(this.#model, this.#state, loggedEvent(row));
    }
    const end = this.#rows.at(-1);
    this.#trace.check(
      end?.batchEnd === undefined || end.batchEnd === end.eventId,
      () => `the log ends inside a batch, at event ${end?.eventId}`,
    );
  }

  /** Reads everything again, after a restart and at the end: what was seen must be there, unchanged. */
  observeAnew(): void {
    const rows = this.#reads()?.events.after(0, Number.MAX_SAFE_INTEGER) ?? [];
    this.#trace.check(rows.length >= this.head, () => `the log had ${this.head} events, and has ${rows.length}`);
    for (const [at, row] of this.#rows.entries()) {
      const now = rows[at];
      const same = now !== undefined && JSON.stringify(now) === JSON.stringify(row);
      this.#trace.check(same, () => `event ${row.eventId} has changed, or is gone`);
    }
    if (this.#trace.violation !== undefined) return;
    this.observe();
  }

  /** The kinds of due work that the database holds. */
  dueWork(): string[] {
    return (
      this.#reads()
        ?.jobs.all()
        .map(({ kind }) => kind) ?? []
    );
  }

  /** What has to be done is due, and no later than it may be. */
  checkJobs(): void {
    const reads = this.#reads();
    if (!reads) return;
    const jobs = reads.jobs.all();
    for (const { kind, dueAt } of jobs) {
      this.#trace.check(dueAt <= this.#latest + jobDueMsMax, () => `the job ${kind} is never due`);
    }
    const swept = reads.rejections.oldest() === undefined || jobs.some(({ kind }) => kind === "sweep_records");
    this.#trace.check(swept, () => "rejections are stored that no job deletes");
  }

  logId(): string | undefined {
    return this.#reads()?.log.identity()?.logId;
  }

  /** After a sweep: whatever is gone must have been past its retention. */
  observeSweep(): void {
    for (const key of this.#told.keys()) this.#verdict(...(key.split(" ") as [string, string]));
  }

  /** A broadcast, or an event of a page or an acceptance: the event as it is in the log, in the same bytes for all. */
  checkEvent(told: { eventId: number; event: object }, where: string): void {
    const { eventId, event } = told;
    const text = JSON.stringify(event);
    const known = this.#broadcasts.get(eventId);
    if (known !== undefined) {
      this.#trace.check(known === text, () => `event ${eventId} was told in two ways (${where})`);
      return;
    }
    const row = this.#rows[eventId - 1];
    this.#trace.check(row !== undefined, () => `event ${eventId} is told (${where}), but not in the database`);
    if (!row) return;
    const { payload, ...rest } = event as { payload: Json };
    const { type, version, clientId, timestamp } = row;
    const same =
      canonicalJson(payload) === canonicalText(row.payload) &&
      Object.entries({ type, version, clientId, timestamp, id: `evt-${eventId}` }).every(
        ([name, value]) => (rest as Record<string, unknown>)[name] === value,
      );
    this.#trace.check(same, () => `event ${eventId} is told as ${text}, and stored as ${JSON.stringify(row)}`);
    this.#broadcasts.set(eventId, text);
  }

  /** The verdict on one draft: durable, and the same as ever. */
  checkVerdict(
    principal: string,
    { draftId, content }: Member,
    message: Extract<Told, { type: "event_accepted" | "event_rejected" }>,
  ): void {
    const key = keyOf(principal, draftId);
    const text = JSON.stringify(message);
    if (message.type === "event_accepted") this.#checkAccepted(key, content, message.payload);
    else if (message.payload.reason === "idempotency_key_reused") {
      this.#checkReused(principal, draftId, content);
      return;
    } else this.#checkRejected(principal, draftId, message.payload.traceId);
    const { timestamp: at } = message;
    const rejection = message.type === "event_rejected" ? { traceId: message.payload.traceId, at } : undefined;
    this.#remember(principal, draftId, { content, text, rejection });
  }

  /** The answer to a draft over HTTP. False: it is no verdict, and may be another one next time. */
  checkAnswer(principal: string, { draftId, content }: Member, { status, body }: HttpAnswer): boolean {
    if (status === 201) {
      this.#checkAccepted(keyOf(principal, draftId), content, JSON.parse(body) as Parameters<Ledger["checkEvent"]>[0]);
      return true;
    }
    const { code, traceId, timestamp: at } = JSON.parse(body) as Problem;
    if (code === "idempotency_key_reused") this.#checkReused(principal, draftId, content);
    if (!isVerdict(code)) return false;
    this.#checkRejected(principal, draftId, traceId);
    this.#remember(principal, draftId, { content, text: undefined, rejection: { traceId, at } });
    return true;
  }

  /** The answer to a batch: durable, whole or nothing if atomic, and the same as ever. */
  checkBatchResult(principal: string, asked: Extract<Asked, { kind: "batch" }>, message: Told): void {
    if (message.type !== "events_result") return;
    const { results } = message.payload;
    const { batchId, mode, members } = asked;
    this.#trace.check(
      results.map(({ draftId }) => draftId).join() === members.map(({ draftId }) => draftId).join(),
      () => `the result of batch ${batchId} is not of its members`,
    );
    let open = true;
    for (const [at, result] of results.entries()) {
      const { content, draftId } = members[at]!;
      if (result.status === "accepted") {
        this.#checkAccepted(keyOf(principal, draftId), content, result);
        this.#trace.check(mode === "atomic" || open, () => `batch ${batchId} goes on after what was not accepted`);
      } else if (mode === "sequential") {
        this.#trace.check(
          open || result.status === "not_processed",
          () => `batch ${batchId} goes on after a rejection`,
        );
        open = false;
        if (result.status === "rejected") this.#checkMember(principal, members[at]!, result, message.timestamp);
      }
    }
    if (mode === "sequential") {
      this.#checkRepeated(principal, asked, message);
      return;
    }
    const accepted = results.filter(({ status }) => status === "accepted").length;
    this.#trace.check(accepted === 0 || accepted === results.length, () => `batch ${batchId} was accepted in part`);
    const reads = this.#reads();
    const stored = accepted > 0 ? reads?.batches.find(principal, batchId) : reads?.rejections.find(principal, batchId);
    this.#trace.check(stored !== undefined, () => `the verdict on batch ${batchId} is told, but not in the database`);
    const content = JSON.stringify(members);
    const rejection = accepted > 0 ? undefined : { traceId: "", at: message.timestamp };
    this.#remember(principal, batchId, { content, text: JSON.stringify(message), rejection });
  }

  /** A sequential batch has no record, and yet gets the same bytes: as far as all its verdicts are kept. */
  #checkRepeated(
    principal: string,
    { batchId, members }: Extract<Asked, { kind: "batch" }>,
    message: Extract<Told, { type: "events_result" }>,
  ): void {
    const kept = message.payload.results.every(
      (result) =>
        !this.isForgotten(principal, result.draftId) &&
        (result.status === "accepted" ||
          (result.status === "rejected" ? result.reason !== "idempotency_key_reused" : !("code" in result))),
    );
    if (!kept) return;
    const key = `${keyOf(principal, batchId)} ${JSON.stringify(members)}`;
    const text = JSON.stringify(message);
    const known = this.#sequences.get(key) ?? text;
    this.#sequences.set(key, text);
    this.#trace.check(known === text, () => `batch ${batchId}: first ${known}, then ${text}`);
  }

  /** A member of a sequential batch has the verdict that it would have by itself. */
  #checkMember(
    principal: string,
    { draftId, content }: Member,
    told: { reason: string; traceId: string },
    at: number,
  ): void {
    if (told.reason === "idempotency_key_reused") {
      this.#checkReused(principal, draftId, content);
      return;
    }
    this.#checkRejected(principal, draftId, told.traceId);
    const rejection = { traceId: told.traceId, at };
    this.#remember(principal, draftId, { content, text: undefined, rejection });
  }

  #checkRejected(principal: string, draftId: string, traceId: string): void {
    const stored = this.#reads()?.rejections.find(principal, draftId);
    this.#trace.check(
      stored !== undefined && (JSON.parse(stored.problem) as { traceId: string }).traceId === traceId,
      () => `the rejection of ${draftId} is told, but not in the database`,
    );
  }

  #checkAccepted(key: string, content: string, told: { eventId: number; event: object }): void {
    this.checkEvent(told, `as the acceptance of ${key}`);
    const row = this.#rows[told.eventId - 1];
    if (!row) return;
    this.#trace.check(keyOf(row.principal, row.draftId) === key, () => `${key} is told the event of another key`);
    this.#trace.check(contentOfRow(row) === content, () => `${key} is accepted with other content than it has`);
  }

  #checkReused(principal: string, draftId: string, content: string): void {
    const key = keyOf(principal, draftId);
    const known = this.#verdict(principal, draftId);
    this.#trace.check(known?.content !== content, () => `${key} came again as it was, and is told to be reused`);
    const row = this.#keys.get(key);
    this.#trace.check(!row || contentOfRow(row) !== content, () => `${key} is in the log as it is, and told reused`);
    const reads = this.#reads();
    const used = row ?? reads?.rejections.find(principal, draftId) ?? reads?.batches.find(principal, draftId);
    this.#trace.check(used !== undefined, () => `${key} is told to be reused, but was never used`);
  }

  /** What was told under a key, unless it was a rejection that is past its retention, and gone. */
  #verdict(principal: string, draftId: string): Verdict | undefined {
    const key = keyOf(principal, draftId);
    const known = this.#told.get(key);
    if (!known?.rejection) return known;
    if (this.#reads()?.rejections.find(principal, draftId)?.createdAt === known.rejection.at) return known;
    const expired = this.#latest - known.rejection.at > rejectionRetentionMs;
    this.#trace.check(expired, () => `the rejection of ${key} is forgotten before its time`);
    this.#told.delete(key);
    this.#forgotten.add(key);
    return undefined;
  }

  #remember(principal: string, draftId: string, verdict: Verdict): void {
    const key = keyOf(principal, draftId);
    const known = this.#verdict(principal, draftId);
    if (!known) {
      this.#told.set(key, verdict);
      return;
    }
    const { content, text, rejection } = verdict;
    this.#trace.check(known.content === content, () => `${key} has a verdict for two contents`);
    this.#trace.check(known.rejection?.traceId === rejection?.traceId, () => `${key} has two verdicts`);
    known.text ??= text;
    this.#trace.check(text === undefined || known.text === text, () => `${key}: first ${known.text}, then ${text}`);
  }

  #checkBatch(row: EventRow, last: EventRow | undefined): void {
    const running = last?.batchEnd !== undefined && last.batchEnd > last.eventId;
    if (running) {
      this.#trace.check(
        row.batchEnd === last.batchEnd && row.timestamp === last.timestamp && row.principal === last.principal,
        () => `event ${row.eventId} is not of the batch that it stands in`,
      );
    }
    this.#trace.check(
      row.batchEnd === undefined || row.batchEnd >= row.eventId,
      () => `event ${row.eventId} is after its batch`,
    );
  }

  /** Nobody else has touched the same entity after what the author had seen. */
  #checkConflict(row: EventRow): void {
    const { expectedEventId, eventId, principal, clientId } = row;
    if (expectedEventId === undefined) return;
    const entity = this.#entityOf(row);
    for (const other of this.#rows.slice(expectedEventId, eventId - 1)) {
      if (other.principal === principal && other.clientId === clientId) continue;
      const touched = this.#entityOf(other);
      this.#trace.check(
        entity !== undefined && touched !== undefined && entity !== touched,
        () => `event ${eventId} expects ${expectedEventId}, but event ${other.eventId} came between`,
      );
    }
  }

  #entityOf({ type, payload }: EventRow): string | undefined {
    return this.#model.eventType(type)?.entity?.({ type, payload: JSON.parse(payload) as never });
  }

  #reads(): PartitionStorage | undefined {
    if (!isMigrated(this.#disk)) return (this.#storage = undefined);
    return (this.#storage ??= new PartitionStorage(this.#disk, migrations, bytesPort));
  }
}
