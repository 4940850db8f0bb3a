import { createHmac } from "node:crypto";
import type { HttpAnswer } from "../../src/wire/partita/answers.ts";
import { rejectionRetentionMs } from "../../src/core/index.ts";
import type { AnyModel } from "../../src/model/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import { isVerdict, type Json, type Problem } from "../../src/protocol/index.ts";
import type { SqlDriver } from "../../src/storage/driver.ts";
import { isMigrated } from "../../src/storage/migrations.ts";
import { type EventRow, submitterOf } from "../../src/storage/port.ts";
import { PartitionStorage } from "../../src/storage/partition/storage.ts";
import { bytesPort, migrations } from "../support/partition.ts";
import { type NaiveDraft, type NaiveEvent, naiveModel } from "./naive.ts";
import { TimerBook } from "./timers.ts";
import type { Trace } from "./trace.ts";
import type { Asked, Member, Told } from "./wire.ts";

/** A verdict as it was first received. */
interface Verdict {
  content: string;
  /** The message; undefined if it was received only in the result of a batch. */
  text: string | undefined;
  /** For a rejection: its trace id and its time. */
  rejection: { traceId: string; at: number } | undefined;
}

/** No job is due later than this: rejections are kept for 30 days, by a clock that may be set back by some. */
const jobDueMsMax = rejectionRetentionMs + 10 * 24 * 60 * 60 * 1_000;

/** Canonical JSON of JSON text: equal for equal states. */
export const canonicalText = (text: string): string => canonicalJson(JSON.parse(text) as Json);

const keyOf = (principal: string, draftId: string): string => `${principal} ${draftId}`;

/** The canonical content of a stored event, which its draft must have had. */
function contentOfRow({ type, version, payload, expectedEventId }: EventRow): string {
  return canonicalJson({
    type,
    payload: JSON.parse(payload) as Json,
    ...(version === undefined ? {} : { version }),
    ...(expectedEventId === undefined ? {} : { expectedEventId }),
  });
}

/** A stored event, as the model judges it. */
function eventOf(row: EventRow, author: string | undefined): NaiveEvent {
  const { eventId, type, version, payload, clientId, timestamp } = row;
  const principal = submitterOf(row);
  return { type, version, payload: JSON.parse(payload), clientId, principal, author, timestamp, head: eventId - 1 };
}

/**
 * The expected behaviour: the content of the database, read without faults, and all messages so far. Each received
 * message is compared with both.
 */
export class Ledger {
  readonly #disk: SqlDriver;
  readonly #model: ReturnType<typeof naiveModel>;
  readonly #trace: Trace;
  readonly #clock: () => number;
  /** Whether the log has been created. */
  #begun = false;
  /** The latest time that the server's clock has ever had. */
  #latest = 0;
  readonly #rows: EventRow[] = [];
  readonly #keys = new Map<string, EventRow>();
  readonly #verdicts = new Map<string, Verdict>();
  /** Verdicts whose retention has ended: their keys are free again. */
  readonly #forgotten = new Set<string>();
  /** The results of sequential batches. */
  readonly #sequences = new Map<string, string>();
  readonly #broadcasts = new Map<number, string>();
  readonly timers: TimerBook;
  readonly #state: unknown;
  /** What pseudonyms are made of. */
  #secret: string | undefined;
  #stateText: { head: number; text: string } | undefined;
  /** Called with each new event of the log. */
  onEvent: (row: EventRow) => void = () => {};
  #storage: PartitionStorage | undefined;

  constructor(disk: SqlDriver, model: AnyModel, trace: Trace, clock: () => number) {
    this.#clock = clock;
    this.#disk = disk;
    this.#model = naiveModel(model.name, model.version);
    this.#trace = trace;
    this.timers = new TimerBook(disk, trace);
    this.#state = this.#model.initial();
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
      this.#stateText = { head: this.head, text: canonicalJson(this.#state as Json) };
    }
    return this.#stateText.text;
  }

  /** The state after an earlier event, folded from the beginning, in canonical JSON. */
  stateAt(eventId: number): string {
    if (eventId === this.head) return this.state;
    const state: unknown = this.#model.initial();
    for (const row of this.#rows.slice(0, eventId)) this.applyTo(state, row);
    return canonicalJson(state as Json);
  }

  /** Applies an event of the log. False: the rules reject it. */
  applyTo(state: unknown, row: EventRow): boolean {
    return this.#model.apply(state, eventOf(row, this.authorOf(submitterOf(row))));
  }

  /** A state of the product in canonical JSON, as `stateAt` has it. */
  plainly(state: Json): string {
    return canonicalJson((this.#model.plain?.(state) as Json | undefined) ?? state);
  }

  /** The text whose hash is that of the state after an event; undefined: the product writes the same state otherwise. */
  hashedAt(eventId: number): string | undefined {
    return this.#model.plain ? undefined : this.stateAt(eventId);
  }

  /** What events say of a principal; undefined: nothing, or the log is not written yet. */
  authorOf(principal: string): string | undefined {
    if (this.#model.authors === "shown") return principal;
    if (this.#model.authors !== "pseudonym") return undefined;
    this.#secret ??= this.#reads()?.log.authorSecret();
    return this.#secret && createHmac("sha256", this.#secret).update(principal).digest("hex").slice(0, 32);
  }

  event(principal: string, draftId: string): EventRow | undefined {
    return this.#keys.get(keyOf(principal, draftId));
  }

  /** The trace id of the stored rejection of a draft or of an atomic batch; undefined: there is none. */
  rejection(principal: string, key: string): string | undefined {
    const stored = this.#reads()?.rejections.find(principal, key);
    return stored && (JSON.parse(stored.problem!) as { traceId: string }).traceId;
  }

  isForgotten(principal: string, draftId: string): boolean {
    return this.#forgotten.has(keyOf(principal, draftId));
  }

  /** Whether a verdict on this draft, or batch, was sent before. */
  isKnown(principal: string, draftId: string): boolean {
    return this.#verdict(principal, draftId) !== undefined;
  }

  /** Reads and checks the new events of the log. Must not be called while a transaction is open. */
  observe(): void {
    this.#latest = Math.max(this.#latest, this.#clock());
    const reads = this.#reads();
    if (!reads) return;
    this.#begun ||= reads.log.identity() !== undefined;
    this.#trace.check(this.#begun, () => "there is a schema, but nothing was ever written");
    // The head is read first: this runs after each step, and few steps add an event.
    const grew = reads.events.head().eventId > this.head;
    const rows = grew ? reads.events.after(this.head, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) : [];
    for (const row of rows) {
      const last = this.#rows.at(-1);
      const key = keyOf(row.principal, row.draftId);
      this.#trace.check(row.eventId === this.head + 1, () => `event ${row.eventId} follows ${this.head}`);
      this.#trace.check(!this.#keys.has(key), () => `two events under the key ${key}`);
      const rejected = this.#verdict(row.principal, row.draftId)?.rejection !== undefined;
      this.#trace.check(!rejected, () => `${key} was rejected, and is in the log as event ${row.eventId}`);
      this.#trace.check(row.timestamp >= (last?.timestamp ?? 0), () => `the time decreases at event ${row.eventId}`);
      this.#checkBatch(row, last);
      this.#checkConflict(row);
      this.#rows.push(row);
      this.onEvent(row);
      this.timers.observe(row, this.#latest);
      this.#keys.set(key, row);
      const accepted = this.applyTo(this.#state, row);
      this.#trace.check(accepted, () => `the rules reject event ${row.eventId}, which is in the log`);
    }
    const end = this.#rows.at(-1);
    this.#trace.check(
      end?.batchEnd === undefined || end.batchEnd === end.eventId,
      () => `the log ends inside a batch, at event ${end?.eventId}`,
    );
  }

  /** Reads the whole log again, after a restart and at the end: all known events must be unchanged. */
  observeAll(): void {
    const rows = this.#reads()?.events.after(0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER) ?? [];
    this.#trace.check(rows.length >= this.head, () => `the log had ${this.head} events, and has ${rows.length}`);
    for (const [at, row] of this.#rows.entries()) {
      const now = rows[at];
      const same = now !== undefined && JSON.stringify(now) === JSON.stringify(row);
      this.#trace.check(same, () => `event ${row.eventId} has changed, or is missing`);
    }
    if (this.#trace.violation !== undefined) return;
    this.observe();
  }

  /** The kinds of the jobs in the database. */
  dueWork(): string[] {
    return (
      this.#reads()
        ?.jobs.all()
        .map(({ kind }) => kind) ?? []
    );
  }

  /** Checks that all necessary jobs are there, and due in time. */
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

  /** Checks after a sweep that all deleted rejections were past their retention. */
  observeSweep(): void {
    for (const key of this.#verdicts.keys()) this.#verdict(...(key.split(" ") as [string, string]));
  }

  /** Checks the event of a broadcast, a page or an acceptance: it is the event of the log, always in the same bytes. */
  checkEvent(received: { eventId: number; event: object }, where: string): void {
    const { eventId } = received;
    // A verdict has the client id of its submitter, also where readers get none.
    const event = { ...received.event, ...(this.#model.authors === "hidden" && { clientId: "" }) };
    const text = JSON.stringify(event);
    const known = this.#broadcasts.get(eventId);
    if (known !== undefined) {
      this.#trace.check(known === text, () => `event ${eventId} was sent in two ways (${where})`);
      return;
    }
    const row = this.#rows[eventId - 1];
    this.#trace.check(row !== undefined, () => `event ${eventId} is sent (${where}), but not in the database`);
    if (!row) return;
    const { payload, ...rest } = event as { payload: Json };
    const { type, version, timestamp } = row;
    const clientId = this.#model.authors === "hidden" ? "" : row.clientId;
    // The clients of the simulator do not ask for it.
    const author = "author" in event ? this.authorOf(submitterOf(row)) : undefined;
    const same =
      canonicalJson(payload) === canonicalText(row.payload) &&
      Object.entries({ type, version, clientId, author, timestamp, id: `evt-${eventId}` }).every(
        ([name, value]) => (rest as Record<string, unknown>)[name] === value,
      );
    this.#trace.check(same, () => `event ${eventId} is sent as ${text}, and stored as ${JSON.stringify(row)}`);
    this.#broadcasts.set(eventId, text);
  }

  /** Checks the verdict on one draft: durable, and always the same. */
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

  /** Checks the answer to a draft over HTTP. Returns false if it is not a verdict: then the next answer may differ. */
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

  /** Checks a refusal: whatever refuses new work, an event that is in the log is answered again. `before`: the last event before. */
  checkRefused(principal: string, draftId: string, code: string, before: number): void {
    const { eventId = Number.POSITIVE_INFINITY } = this.event(principal, draftId) ?? {};
    const refusesNew = code === "storage_full" || code === "draining";
    this.#trace.check(
      eventId > before || !refusesNew,
      () => `${draftId} is event ${eventId}, and is refused as ${code}`,
    );
  }

  /** Checks the answer to a batch: durable, all or nothing if atomic, and always the same. */
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
        this.#trace.check(
          mode === "atomic" || open,
          () => `batch ${batchId} continues after a draft that was not accepted`,
        );
      } else if (mode === "sequential") {
        this.#trace.check(
          open || result.status === "not_processed",
          () => `batch ${batchId} continues after a rejection`,
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
    this.#trace.check(stored !== undefined, () => `the verdict on batch ${batchId} is sent, but not in the database`);
    const content = JSON.stringify(members);
    const rejection = accepted > 0 ? undefined : { traceId: "", at: message.timestamp };
    this.#remember(principal, batchId, { content, text: JSON.stringify(message), rejection });
  }

  /** Checks that a sequential batch, which has no record, is answered with the same bytes, if all its verdicts are stored. */
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

  /** Checks that a member of a sequential batch has the verdict of a single draft. */
  #checkMember(
    principal: string,
    { draftId, content }: Member,
    received: { reason: string; traceId: string },
    at: number,
  ): void {
    if (received.reason === "idempotency_key_reused") {
      this.#checkReused(principal, draftId, content);
      return;
    }
    this.#checkRejected(principal, draftId, received.traceId);
    const rejection = { traceId: received.traceId, at };
    this.#remember(principal, draftId, { content, text: undefined, rejection });
  }

  #checkRejected(principal: string, draftId: string, traceId: string): void {
    const stored = this.#reads()?.rejections.find(principal, draftId);
    this.#trace.check(
      stored !== undefined && (JSON.parse(stored.problem!) as { traceId: string }).traceId === traceId,
      () => `the rejection of ${draftId} is sent, but not in the database`,
    );
  }

  #checkAccepted(key: string, content: string, received: { eventId: number; event: object }): void {
    this.checkEvent(received, `as the acceptance of ${key}`);
    const row = this.#rows[received.eventId - 1];
    if (!row) return;
    this.#trace.check(keyOf(row.principal, row.draftId) === key, () => `${key} has the event of another key`);
    this.#trace.check(this.#isOf(row, content), () => `${key} is accepted with other content`);
  }

  /** Whether this is what was submitted as the event. */
  #isOf(row: EventRow, content: string): boolean {
    if (!this.#model.becomes) return contentOfRow(row) === content;
    const draft = JSON.parse(content) as NaiveDraft;
    const { type, expectedEventId } = row;
    const isSame = draft.type === type && draft.expectedEventId === expectedEventId;
    return isSame && this.#model.becomes(draft, row, this.#rows.slice(0, row.eventId - 1));
  }

  #checkReused(principal: string, draftId: string, content: string): void {
    const key = keyOf(principal, draftId);
    const known = this.#verdict(principal, draftId);
    this.#trace.check(known?.content !== content, () => `${key} was repeated unchanged, and is answered as reused`);
    const row = this.#keys.get(key);
    this.#trace.check(
      !row || !this.#isOf(row, content),
      () => `${key} is unchanged in the log, and is answered as reused`,
    );
    const reads = this.#reads();
    const used = row ?? reads?.rejections.find(principal, draftId) ?? reads?.batches.find(principal, draftId);
    this.#trace.check(used !== undefined, () => `${key} is answered as reused, but was never used`);
  }

  /** The verdict under a key, unless it was a rejection that is deleted after its retention. */
  #verdict(principal: string, draftId: string): Verdict | undefined {
    const key = keyOf(principal, draftId);
    const known = this.#verdicts.get(key);
    if (!known?.rejection) return known;
    if (this.#reads()?.rejections.find(principal, draftId)?.createdAt === known.rejection.at) return known;
    const expired = this.#latest - known.rejection.at > rejectionRetentionMs;
    this.#trace.check(expired, () => `the rejection of ${key} is deleted before its time`);
    this.#verdicts.delete(key);
    this.#forgotten.add(key);
    return undefined;
  }

  #remember(principal: string, draftId: string, verdict: Verdict): void {
    const key = keyOf(principal, draftId);
    const known = this.#verdict(principal, draftId);
    if (!known) {
      this.#verdicts.set(key, verdict);
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
        () => `event ${row.eventId} is not of the batch around it`,
      );
    }
    this.#trace.check(
      row.batchEnd === undefined || row.batchEnd >= row.eventId,
      () => `event ${row.eventId} is after its batch`,
    );
  }

  /** Checks that no other client has changed the entity after `expectedEventId`. */
  #checkConflict(row: EventRow): void {
    const { expectedEventId, eventId, principal, clientId } = row;
    if (expectedEventId === undefined || this.#model.becomes) return;
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
    return this.#model.entity(type, JSON.parse(payload));
  }

  #reads(): PartitionStorage | undefined {
    if (!isMigrated(this.#disk)) return (this.#storage = undefined);
    return (this.#storage ??= new PartitionStorage(this.#disk, migrations, bytesPort));
  }
}
