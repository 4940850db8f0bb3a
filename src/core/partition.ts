import { type AnyModel, FoldError } from "../model/index.ts";
import type { Author, Failure, Limits, TracedFailure } from "../protocol/index.ts";
import { MigrationError } from "../storage/migrations.ts";
import type { EventRow, JobRow, SnapshotEncoding, StorageWrites, Synchronous } from "../storage/port.ts";
import type { Command, PresenceCommand, Submission } from "./commands.ts";
import type { Transform } from "./decide/review.ts";
import { unchanged } from "./decide/transform.ts";
import { assertNotAhead } from "./delivery/connect.ts";
import { type Job, type JobResult, retryDelayMs } from "./jobs/job.ts";
import { socketSweepMs } from "./jobs/sweep-sockets.ts";
import type { Outcome, Page } from "./replies.ts";
import { Limiter } from "./rates/limiter.ts";
import { LogCorrupt } from "./fold.ts";
import { Live } from "./live.ts";
import { clampLimit, readPage } from "./delivery/page.ts";
import { modelTag } from "./model-tag.ts";
import { describe, type Ports } from "./ports.ts";
import { Presence } from "./delivery/presence.ts";
import { readState, type StateRead } from "./delivery/reads.ts";
import { Refusal, traceFailure } from "./refusal.ts";
import type { PartitionName, WindowContext, WriteContext } from "./window/context.ts";
import { draining, retryAfterSeconds, tokenExpired, tokenRevoked } from "./delivery/endings.ts";
import type { Listener } from "./delivery/listener.ts";
import { Session } from "./delivery/session.ts";
import type { Subscription } from "./delivery/subscription.ts";
import type { SnapshotDraft } from "./jobs/snapshots.ts";
import { handle, handleRead, refuse } from "./window/handle.ts";
import { Window } from "./window/window.ts";
import { onlyReads, traceIdOf, type Work } from "./window/work.ts";

/** What is left to do after a job, over several turns. */
type FollowUp = NonNullable<JobResult["followUp"]>;

/** What a partition is made of besides its model. */
export interface Parts {
  /** The kinds of jobs that `runJobs` runs. */
  readonly jobs?: readonly Job[];
  /** What a draft commits instead of what was submitted. */
  readonly transform?: Transform;
}

/** Where a partition stands. */
export interface Standing {
  /** Undefined while nothing was ever written. */
  logId: string | undefined;
  head: number;
  /** `<name>.<version>` of the model. */
  fold: string;
}

/** Jobs that one alarm runs. */
const jobsPerRunMax = 100;
/** After this many failures in a row of work done by itself, the rest of a failed window is refused untried. */
const isolationFailuresMax = 2;

/**
 * The authority over one partition: one log, one order. Synchronous and without I/O but its ports,
 * so that one call is one step; between two steps everything that counts is in the storage.
 */
export class Partition {
  readonly name: PartitionName;
  readonly #model: AnyModel;
  readonly #ports: Ports;
  /** Everything that the events of the log are delivered to. */
  readonly #listeners = new Set<Listener>();
  readonly #sessions = new Set<Session>();
  readonly #presence: Presence;
  readonly #limiter: Limiter;
  readonly #jobs: ReadonlyMap<string, Job>;
  /** No job runs before then, in milliseconds since 1970: one has failed, and its delay could not be stored. */
  #jobsHeldUntil = 0;
  /** Undefined before the first use, and after a failed commit: then memory is rebuilt from storage. */
  #live: Live | undefined;
  /** The last event that was delivered to all listeners at the head; -1 before the first load. */
  #delivered = -1;
  /** The least that was delivered to a connection when a commit was in doubt, before an earlier hibernation. */
  #leastDelivered = Number.MAX_SAFE_INTEGER;
  /** Whether a token is known to be revoked. */
  #isRevoked: (author: Author) => boolean = () => false;
  /** The random id of this object's lifetime, written with each event. */
  readonly #incarnation: string;
  readonly #transform: Transform;
  /** The id the log will get when it is first written. */
  #provisionalLogId: string | undefined;

  constructor(name: PartitionName, model: AnyModel, ports: Ports, { jobs = [], transform = unchanged }: Parts = {}) {
    this.name = name;
    this.#model = model;
    this.#ports = ports;
    this.#jobs = new Map(jobs.map((job) => [job.kind, job]));
    this.#transform = transform;
    this.#incarnation = ports.random.incarnation();
    this.#presence = new Presence(this.#sessions, ports.defer);
    this.#limiter = new Limiter((count) => ports.askTenant(count));
  }

  /**
   * Makes the schema current and loads the state, before anything else is accepted.
   *
   * @throws Refusal where that cannot be done; the next call tries again.
   */
  open(now: number): void {
    this.#loaded(now);
  }

  /** What is allowed here; nothing is limited until something is said. */
  get limits(): Limits {
    return this.#limiter.limits;
  }

  limit(limits: Limits): void {
    this.#limiter.set(limits);
  }

  /** What the tenant has set that differs from what the application has, as JSON text: kept over sleep, once there is a log. */
  get keptLimits(): string {
    return (this.exists && this.#ports.storage.tenantLimits.get()) || "{}";
  }

  keepLimits(text: string, now: number): void {
    if (this.exists && text !== this.keptLimits) this.#write(now, (writes) => writes.tenantLimits.put(text));
  }

  /** The tenant's answer to `Ports.askTenant`: `count` tokens, or when there may be some again. */
  granted(count: number, retryAfterMs: number, now: number): void {
    this.#limiter.granted(count, retryAfterMs, now);
  }

  /** Whether anything was ever written here. */
  get exists(): boolean {
    return this.#live?.head.logId !== undefined;
  }

  get attended(): boolean {
    return this.#listeners.size > 0;
  }

  /** How many there are. */
  get connections(): number {
    return this.#listeners.size;
  }

  /** When the alarm has to come next; undefined: never. */
  get nextDue(): number | undefined {
    const next = this.#live?.schedule.next;
    return next === undefined ? undefined : Math.max(next, this.#jobsHeldUntil);
  }

  /** Adds a listener: new, or woken from hibernation. A subscription begins with its first pull. */
  attach(listener: Session | Subscription, now: number): void {
    this.#listeners.add(listener);
    if (listener instanceof Session) this.#restore(listener);
    const live = this.#live;
    // While nothing was ever written, nothing is: a reader must not create storage.
    if (live?.head.logId !== undefined && !live.schedule.has("sweep_sockets")) {
      this.#write(now, (writes) => live.schedule.once(writes, "sweep_sockets", now + socketSweepMs));
    }
  }

  /** Ends the listeners whose tokens have expired. */
  expire(now: number): void {
    const window = new Window();
    this.#expire(window, now);
    this.#flush(window, now);
  }

  detach(listener: Session | Subscription): void {
    this.#listeners.delete(listener);
    if (!(listener instanceof Session)) return;
    this.#sessions.delete(listener);
    this.#presence.leave(listener);
  }

  /**
   * Does the work of one window: one transaction, each draft its own step with its own verdict, in
   * this order; and when that is committed, delivers what there is for each listener. Never throws.
   */
  process(batch: readonly Work[], now: number): void {
    const window = new Window();
    const failure = this.#attempt(batch, window, now);
    if (failure !== undefined && batch.length > 1) {
      this.#isolate(batch, now);
      return;
    }
    if (failure !== undefined) refuse(window, batch[0]!, this.failureOf(failure, now, traceIdOf(batch[0]!)));
    this.#flush(window, now);
  }

  /** Takes what a connection shows of itself, at once. Returns what is to be refused in its turn instead, if so. */
  show(session: Session, { requestId, state }: PresenceCommand, now: number): Command | undefined {
    const failure = this.#presence.show(session, state, now);
    return failure && { kind: "refused", requestId, failure };
  }

  /**
   * Ends those of `concerned` whose tokens are revoked; what waits of theirs is refused. From here on each new
   * token is checked, too: one may be waiting for its window already.
   */
  revoke(isRevoked: (author: Author) => boolean, now: number, concerned: Iterable<Listener> = this.#listeners): void {
    this.#isRevoked = isRevoked;
    const window = new Window();
    for (const listener of concerned) {
      const { author } = listener;
      if (!author || !isRevoked(author)) continue;
      window.touch(listener);
      this.#end(listener, tokenRevoked, now);
    }
    this.#flush(window, now);
  }

  /** Ends every listener, each with a time to come back at; what is waiting is refused from here on. */
  drain(reconnectAfterMs: () => number, now: number): void {
    const window = new Window();
    for (const listener of this.#listeners) {
      window.touch(listener);
      listener.end(this.failureOf(new Refusal(draining), now, listener.traceId), reconnectAfterMs());
    }
    this.#flush(window, now);
  }

  /** Takes one command of a connection. */
  receive(session: Session, command: Command, now: number): void {
    this.process([{ session, command }], now);
  }

  /** Decides what was submitted without a connection. */
  submit(author: Author, clientId: string, submission: Submission, now: number): Outcome {
    let outcome: Outcome | undefined;
    this.process([{ author, clientId, submission, answer: (given: Outcome) => (outcome = given) }], now);
    return outcome!;
  }

  /**
   * What a page of the log and the state derive from, known without reading or folding anything: what
   * was made of the same standing is the same. `fold` names what the state is folded by.
   */
  standing(now: number): Standing {
    const { logId, eventId } = this.#loaded(now).head;
    return { logId, head: eventId, fold: modelTag(this.#model) };
  }

  /**
   * The page of the log after `since`.
   *
   * @throws Refusal where `since` is past the head.
   */
  events(since: number, limit: number | undefined, now: number): Page {
    const { head } = this.#loaded(now);
    assertNotAhead(head, since);
    return readPage(this.#ports.storage, since, clampLimit(limit), head.eventId);
  }

  /**
   * The state as JSON text, at the head or after the event `at`.
   *
   * @throws Refusal where `at` is past the head, or too far from a snapshot.
   */
  stateAt(at: number | undefined, now: number): StateRead {
    return readState(this.#ports.storage, this.#model, this.#loaded(now), at);
  }

  /**
   * Runs the jobs that are due, earliest first, each in a transaction of its own. One that fails is due again
   * later and does not keep the others from running. What it returns is to be run, one after the other.
   */
  runJobs(now: number): readonly FollowUp[] {
    const followUps: FollowUp[] = [];
    for (const row of this.#dueJobs(now)) {
      try {
        const followUp = this.#runJob(row, now);
        if (followUp) followUps.push(followUp);
      } catch (error) {
        this.#ports.log("error", "a job failed", {
          ...this.name,
          kind: row.kind,
          key: row.key,
          error: describe(error),
        });
        this.#retryJob(row, now);
      }
    }
    // What is due next has to be known, or no alarm would come. If even this fails, the platform runs the alarm again.
    this.#loaded(now);
    return followUps;
  }

  #dueJobs(now: number): readonly JobRow[] {
    try {
      return this.#loaded(now).schedule.due(now, jobsPerRunMax);
    } catch (error) {
      this.#jobsHeldUntil = now + retryDelayMs(0, this.#ports.random.fraction());
      throw error;
    }
  }

  #runJob(row: JobRow, now: number): FollowUp | undefined {
    const job = this.#jobs.get(row.kind);
    if (!job) throw new Error("no job of this kind is known here");
    job.before?.(now);
    // Each time: a job that failed before this one has dropped what was in memory.
    const live = this.#loaded(now);
    return this.#write(now, (writes) => {
      const { storage: reads, log } = this.#ports;
      const context = { model: this.#model, live, reads, writes, log, attended: this.attended, now };
      const { next, followUp } = job.run(context, row.key);
      live.schedule.succeeded(writes, row, next);
      return { followUp };
    }).followUp;
  }

  /** Makes a job that failed due again after its delay. */
  #retryJob(row: JobRow, now: number): void {
    const retryAt = now + retryDelayMs(row.attempts, this.#ports.random.fraction());
    try {
      const live = this.#loaded(now);
      this.#write(now, (writes) => live.schedule.failed(writes, row, retryAt));
    } catch (error) {
      // Its row says that it is due now. No job runs before the delay is over, or the alarm would come again at once.
      this.#jobsHeldUntil = retryAt;
      this.#ports.log("error", "a failed job could not be scheduled", { ...this.name, error: describe(error) });
    }
  }

  /** Writes a piece of a snapshot; each is a transaction of its own. */
  putSnapshotChunk(eventId: number, chunk: number, bytes: Uint8Array, now: number): void {
    this.#write(now, (writes) => writes.snapshots.putChunk(eventId, chunk, bytes));
  }

  /** Makes a snapshot of the pieces that were written: from here on it is what the state is loaded from. `stateBytes`: of the text, in UTF-8. */
  completeSnapshot(
    draft: SnapshotDraft,
    stateBytes: number,
    encoding: SnapshotEncoding,
    sha256: Uint8Array,
    now: number,
  ): void {
    const { state: _, ...row } = { ...draft, stateBytes };
    this.#write(now, (writes) => writes.snapshots.complete(row, encoding, sha256));
    const live = this.#loaded(now);
    live.fold.completeSnapshot(row, live.head.logBytes);
  }

  /** Gives up a snapshot that could not be written; the next event makes it due again. */
  abandonSnapshot(): void {
    this.#live?.fold.abandonSnapshot();
  }

  /**
   * What was thrown, as the failure that the client receives; of an unexpected error no more than that there was
   * one: it is logged. `traceId`: of the request; undefined: a new one.
   */
  failureOf(error: unknown, now: number, traceId?: string): TracedFailure {
    const where = { ports: this.#ports, now };
    if (error instanceof Refusal) return traceFailure(error.failure, where, traceId);
    const failure = traceFailure(unexpected(error), where, traceId);
    this.#ports.log("error", "a request failed", { ...this.name, traceId: failure.traceId, error: describe(error) });
    return failure;
  }

  /** Takes up again what was kept of a session. */
  #restore(session: Session): void {
    this.#sessions.add(session);
    this.#presence.resume(session);
    const { delivered } = session.cursor.state;
    if (delivered !== undefined) {
      this.#leastDelivered = Math.min(this.#leastDelivered, delivered);
      this.#delivered = Math.min(this.#delivered, delivered);
    }
    if (this.#live) session.cursor.resume(this.#live.head.eventId);
    this.#provisionalLogId ??= session.state.provisionalLogId;
  }

  /** Runs the window's work in one transaction; if it throws, all of it is rolled back. */
  #attempt(batch: readonly Work[], window: Window, now: number): unknown {
    try {
      const live = this.#loaded(now);
      const context = this.#context(live, window, now);
      if (batch.every(onlyReads)) {
        for (const work of batch) handleRead(context, work);
      } else {
        this.#write(now, (writes) => {
          const writing: WriteContext = { ...context, writes };
          for (const work of batch) handle(writing, work);
        });
      }
      return undefined;
    } catch (error) {
      window.rollback();
      return error;
    }
  }

  /** After a window failed: each piece of work by itself, so that one cannot take the others with it. */
  #isolate(batch: readonly Work[], now: number): void {
    let failures = 0;
    let failed: TracedFailure | undefined;
    for (const work of batch) {
      const window = new Window();
      if (failures < isolationFailuresMax) {
        const failure = this.#attempt([work], window, now);
        if (failure !== undefined) {
          failures++;
          failed = this.failureOf(failure, now, traceIdOf(work));
          refuse(window, work, failed);
        }
        // Under the trace id of the failure that it was not tried for: that one has a log line.
      } else refuse(window, work, failed!);
      // Verdicts only: of a window that was committed after all, every submitter has its verdict before any broadcast.
      window.flush([], [], now);
    }
    this.#flush(new Window(), now);
  }

  /** Delivers what the window has brought, and every event that listeners at the head have not received yet. */
  #flush(window: Window, now: number): void {
    const fresh = this.#undelivered(window, now);
    // A listener whose token has expired ends instead of receiving them.
    if (fresh.length > 0) this.#expire(window, now);
    window.flush(this.#listeners, fresh, now);
  }

  /** Ends the listeners whose tokens have expired, when the window is delivered. */
  #expire(window: Window, now: number): void {
    for (const listener of this.#listeners) {
      if (listener.expiresAt > now) continue;
      window.touch(listener);
      this.#end(listener, tokenExpired, now);
    }
  }

  #end(listener: Listener, failure: Failure, now: number): void {
    listener.end(this.failureOf(new Refusal(failure), now, listener.traceId));
  }

  /**
   * The events after the last that was delivered. Mostly those of the window; more after a commit that
   * failed by what it said, and was there after all.
   */
  #undelivered(window: Window, now: number): readonly EventRow[] {
    let head: number;
    let fresh: readonly EventRow[] = window.events;
    try {
      // After a failed commit at once from storage: no other call may come before the object hibernates.
      head = this.#loaded(now).head.eventId;
      if (head === this.#delivered) return [];
      if (fresh[0]?.eventId !== this.#delivered + 1) {
        fresh = this.#ports.storage.events.after(this.#delivered, head - this.#delivered);
      }
    } catch (error) {
      // The next window tries again: what listeners receive stays a contiguous run.
      this.#ports.log("error", "events could not be read for broadcasting", {
        ...this.name,
        error: describe(error),
      });
      for (const listener of this.#listeners) listener.doubt();
      return [];
    }
    this.#delivered = head;
    return fresh;
  }

  #context(live: Live, window: Window, now: number): WindowContext {
    return {
      name: this.name,
      model: this.#model,
      ports: this.#ports,
      live,
      incarnation: this.#incarnation,
      transform: this.#transform,
      limiter: this.#limiter,
      window,
      now,
      attended: this.#listeners.size > 0,
      isRevoked: this.#isRevoked,
      peers: () => this.#presence.peers,
      serverId: () => live.head.logId ?? (this.#provisionalLogId ??= this.#ports.random.logId()),
    };
  }

  #loaded(now: number): Live {
    if (!this.#live) {
      this.#ports.storage.open(now);
      this.#live = new Live(this.#ports.storage, this.#model);
      const { fault } = this.#live.fold;
      if (fault)
        this.#ports.log("error", "quarantined: the log cannot be folded", { ...this.name, error: describe(fault) });
      if (this.#delivered < 0) {
        this.#delivered = Math.min(this.#live.head.eventId, this.#leastDelivered);
        for (const { cursor } of this.#listeners) cursor.resume(this.#live.head.eventId);
      }
    }
    return this.#live;
  }

  /** The one way to write. If it throws, memory may be ahead of storage, or behind it: it is dropped. */
  #write<T>(now: number, body: (writes: StorageWrites) => Synchronous<T>): T {
    try {
      const result = this.#ports.storage.transaction(now, body);
      this.#live?.fold.commit();
      return result;
    } catch (error) {
      this.#live = undefined;
      throw error;
    }
  }
}

/** What the outside may know of an unexpected error. */
function unexpected(error: unknown): Failure {
  if (error instanceof MigrationError) {
    return {
      code: "schema_mismatch",
      detail: "This partition's storage is not of this version.",
      retryAfter: retryAfterSeconds,
    };
  }
  if (error instanceof LogCorrupt || error instanceof FoldError) {
    return { code: "internal", detail: "This partition's log cannot be folded; it was logged under the trace id." };
  }
  // Everything else came out of the storage, or left it in doubt.
  return {
    code: "storage_unavailable",
    detail: "The outcome is not known. Send the same again: a draft counts once.",
    retryAfter: retryAfterSeconds,
  };
}
