import type { Effects } from "../model/effects.ts";
import type { AnyModel } from "../model/index.ts";
import type { Author, Limits, TracedFailure } from "../protocol/index.ts";
import { MigrationError } from "../storage/migrations.ts";
import type { SnapshotEncoding } from "../storage/port.ts";
import type { Audit } from "./audit/audit.ts";
import { Authors } from "./authors.ts";
import type { Command, PresenceCommand, Submission } from "./commands.ts";
import { assertAuthorized } from "./delivery/access.ts";
import { assertNotAhead } from "./delivery/connect.ts";
import { FanOut } from "./delivery/fan-out.ts";
import type { Listener } from "./delivery/listener.ts";
import { clampBytes, clampLimit, pageSteps } from "./delivery/page.ts";
import { Presence } from "./delivery/presence.ts";
import { assertSameLog, proofAt } from "./delivery/proof.ts";
import { type Standing, type StateRead, stateSteps } from "./delivery/reads.ts";
import { Travel } from "./delivery/travel.ts";
import type { FoundSaga, SagaPage, SagaQuery } from "./sagas.ts";
import { Session } from "./delivery/session.ts";
import type { Subscription } from "./delivery/subscription.ts";
import type { DeadLetters } from "./effects/dead-letters.ts";
import type { Deliveries } from "./effects/deliveries.ts";
import type { Environment, PartitionName } from "./environment.ts";
import { failureOf } from "./failures.ts";
import type { Inspection } from "./inspection.ts";
import { isFault } from "./faults.ts";
import type { Job } from "./jobs/job.ts";
import { type FollowUp, JobRunner } from "./jobs/runner.ts";
import { beginSnapshot, completeSnapshot, type SnapshotDraft } from "./jobs/snapshots.ts";
import { socketSweepMs } from "./jobs/sweep-sockets.ts";
import { Memory } from "./memory.ts";
import { modelTag } from "./model-tag.ts";
import type { CoreParts } from "./parts.ts";
import { describe, type Ports } from "./ports.ts";
import { readOnlyFailure } from "./decide/room.ts";
import { CatchUps } from "./delivery/catch-ups.ts";
import { Limiter } from "./rates/limiter.ts";
import { type Folding, type FoldPosition, standardFolding } from "./rebuilding.ts";
import { Refusal } from "./refusal.ts";
import type { Outcome, Page } from "./replies.ts";
import { complete, type Steps } from "./steps.ts";
import type { TimerRunner } from "./timers/runner.ts";
import { FillWarnings, type Usages, usagesOf } from "./usage.ts";
import { type Verified, verifySteps } from "./verify/verify.ts";
import type { Processed } from "./window/window.ts";
import { Windows } from "./window/windows.ts";
import type { Work } from "./window/work.ts";

/** What an earlier version of the application has caused waits: a later one may have the part. */
const noEffects = 'this Worker has neither effects nor timers: it needs the part "effectsAndTimers"';

/** What a partition is made of besides its model. */
export interface Parts extends CoreParts {
  /** The kinds of jobs that `runJobs` runs. */
  readonly jobs?: readonly Job[];
  /** What events cause outside. */
  readonly effects?: Effects | undefined;
  /** Whether segments of the log are sealed, where the model asks for it. */
  readonly seals?: boolean | undefined;
  /** How a state is folded from its log. */
  readonly folding?: Folding | undefined;
  /** Called each time when what is in memory was loaded from the storage. */
  readonly loaded?: (() => void) | undefined;
}

/** Reads the sagas of a state. */
export interface SagaReader {
  /** @throws Refusal where the state has no saga of this id, or cannot be read now. */
  find(id: string, now: number): FoundSaga;
  /** @throws Refusal where the state cannot be read now. */
  list(query: SagaQuery, now: number): SagaPage;
}

/**
 * The authority over one partition: one log, one order. Synchronous and without I/O but its ports,
 * so that one call is one step; between two steps everything that counts is in the storage.
 */
export class Partition {
  declare readonly name: PartitionName;
  /** Logs what is almost full. */
  declare readonly warnings: FillWarnings;
  /** What commits have caused outside. */
  declare readonly deliveries: Deliveries | undefined;
  declare readonly deadLetters: DeadLetters | undefined;
  /** What an operator sees of it. */
  declare readonly inspection: Inspection | undefined;
  /** The state after any event, for an operator. */
  declare readonly travel: Travel;
  /** Signed heads of the log, and proofs of its events. */
  declare readonly audit: Audit | undefined;
  readonly #parts: CoreParts;
  readonly #environment: Environment;
  readonly #memory: Memory;
  readonly #limiter: Limiter;
  readonly #presence: Presence;
  readonly #fanOut: FanOut;
  readonly #windows: Windows;
  readonly #jobs: JobRunner;
  readonly #timers: TimerRunner | undefined;

  constructor(
    name: PartitionName,
    model: AnyModel,
    ports: Ports,
    { jobs = [], effects, seals = false, folding = standardFolding, loaded = () => {}, ...parts }: Parts = {},
  ) {
    const authors = new Authors(model, ports);
    const environment = {
      name,
      model,
      effects,
      causes: parts.causing !== undefined,
      sealed: seals && model.audit === true ? parts.Audit?.segmentsIn : undefined,
      nextOccurrence: parts.nextOccurrence,
      ports,
      authors,
    };
    const memory = new Memory(environment, folding, ({ head, outbox, timers }) => {
      if (!parts.causing && outbox.rows + timers.size > 0) ports.log("effects_not_sent", { ...name, error: noEffects });
      fanOut.loaded(head.eventId);
      travel.forget();
      loaded();
    });
    const fanOut = new FanOut(environment, memory);
    const travel = new Travel(environment, memory);
    const presence = new Presence(ports.defer, () => limiter.limits, environment.authors);
    const limiter = new Limiter((count) => ports.askTenant(count));
    this.name = name;
    this.#parts = parts;
    this.#environment = environment;
    this.#memory = memory;
    this.#limiter = limiter;
    this.#presence = presence;
    this.#fanOut = fanOut;
    this.warnings = new FillWarnings(ports.log, { ...name });
    const { warnings } = this;
    const catchUps = new CatchUps(ports);
    const { causing, decideImported } = parts;
    this.#windows = new Windows(environment, {
      memory,
      fanOut,
      presence,
      limiter,
      catchUps,
      warnings,
      causing,
      decideImported,
    });
    this.deliveries =
      causing &&
      new causing.Deliveries(environment, memory, (author, clientId, submission, now) =>
        this.submit(author, clientId, submission, now),
      );
    this.deadLetters = parts.DeadLetters && new parts.DeadLetters(environment, memory);
    this.inspection = parts.Inspection && new parts.Inspection(environment, memory);
    this.travel = travel;
    this.audit = parts.Audit && new parts.Audit(environment, memory);
    this.#jobs = new JobRunner(environment, memory, fanOut, jobs);
    this.#timers = causing && new causing.TimerRunner(environment, memory, this.#windows);
  }

  /**
   * Makes the schema current and loads the state, before anything else is accepted.
   *
   * @throws Damage or MigrationError, the same at each call; or an error of the storage: the next call tries again.
   */
  open(now: number): void {
    this.#memory.load(now);
  }

  /** What readers see of the principals. */
  get authors(): Authors {
    return this.#environment.authors;
  }

  /** The limits of this partition; none are set at first. */
  get limits(): Limits {
    return this.#limiter.limits;
  }

  limit(limits: Limits): void {
    this.#limiter.set(limits);
  }

  /** Sends the connections that have asked for it whether the partition is read-only, where the limits have changed that. */
  announceReadOnly(now: number): void {
    this.#fanOut.announce(() => readOnlyFailure(this.name, this.limits) !== undefined, now);
  }

  /** What the tenant has set that differs from what the application has, as JSON text: kept over sleep, once there is a log. */
  get keptLimits(): string {
    return (this.exists && this.#environment.ports.storage.tenantLimits.get()) || "{}";
  }

  keepLimits(text: string, now: number): void {
    if (this.exists && text !== this.keptLimits) this.#memory.write(now, (writes) => writes.tenantLimits.put(text));
  }

  /** The tenant's answer to `Ports.askTenant`: `count` tokens, or when there may be some again. */
  granted(count: number, retryAfterMs: number, now: number): void {
    this.#limiter.granted(count, retryAfterMs, now);
  }

  /** Whether its storage can never be opened, until another version of this code is there. */
  get isBroken(): boolean {
    return this.#memory.isBroken;
  }

  /** How the log is, as far as it was loaded; undefined: nothing was ever written, or it is not loaded. */
  get condition(): "sound" | "quarantined" | undefined {
    return this.#memory.condition;
  }

  /** The last event, as far as it is loaded. */
  get head(): number | undefined {
    return this.#memory.live?.head.eventId;
  }

  /** Whether anything was ever written here. */
  get exists(): boolean {
    const head = this.#memory.live?.head;
    return head !== undefined && (head.logId !== undefined || head.eventId > 0);
  }

  get attended(): boolean {
    return this.#fanOut.size > 0;
  }

  /** How many listeners are attached. */
  get connections(): number {
    return this.#fanOut.size;
  }

  /** When the alarm has to come next; undefined: never. */
  get nextDue(): number | undefined {
    const job = this.#jobs.nextDue;
    const timer = this.#timers?.nextDue;
    if (job === undefined || timer === undefined) return job ?? timer;
    return Math.min(job, timer);
  }

  /** Adds a listener: new, or woken from hibernation. A subscription begins with its first pull. */
  attach(listener: Session | Subscription, now: number): void {
    this.#fanOut.add(listener);
    if (listener instanceof Session) {
      this.#presence.join(listener);
      this.#windows.restoreLogId(listener.state.provisionalLogId);
      this.#environment.authors.restore(listener.state.provisionalSecret);
    }
    const { live } = this.#memory;
    // While nothing was ever written, nothing is: a reader must not create storage.
    if (listener.mayVanish && live?.head.logId !== undefined && !live.schedule.has("sweep_sockets")) {
      try {
        this.#memory.write(now, (writes) => live.schedule.once(writes, "sweep_sockets", now + socketSweepMs));
      } catch (error) {
        // A full disk keeps nobody from reading: the next listener tries again.
        const { name, ports } = this.#environment;
        ports.log("sweep_not_scheduled", { ...name, error: describe(error) });
      }
    }
  }

  /** Ends the listeners whose tokens have expired. */
  expire(now: number): void {
    this.#fanOut.expire(now);
  }

  detach(listener: Session | Subscription): void {
    this.#fanOut.remove(listener);
    if (listener instanceof Session) this.#presence.leave(listener);
  }

  /**
   * Does the work of one window: one transaction, each draft its own step with its own verdict, in
   * this order, until it has done `workMax` of work, one piece at least; and when that is committed, delivers what there
   * is for each listener. Returns how much of it was done. Never throws.
   */
  process(batch: readonly Work[], now: number, workMax = Number.POSITIVE_INFINITY): Processed {
    return this.#windows.process(batch, now, workMax);
  }

  /** Updates the presence of a connection at once. Returns a command to process in its turn where that is refused. */
  show(session: Session, { requestId, state }: PresenceCommand, now: number): Command | undefined {
    const failure = this.#presence.show(session, state, now);
    return failure && { kind: "refused", requestId, failure };
  }

  /**
   * Ends those of `concerned` whose tokens are revoked; undefined: of all. What waits of theirs is refused. From here
   * on each new token is checked, too: one may be waiting for its window already.
   */
  revoke(isRevoked: (author: Author) => boolean, now: number, concerned?: Iterable<Listener>): void {
    this.#fanOut.revoke(isRevoked, now, concerned);
  }

  /** Ends the listeners whose tokens other keys have verified than those of the tag `keys`. One without a tag stays: an earlier version has verified it. */
  endOthersThan(keys: string, now: number): void {
    this.#fanOut.endOthersThan(keys, now);
  }

  /** Ends every listener, each with a time to come back at; what is waiting is refused from here on. */
  drain(reconnectAfterMs: () => number, now: number): void {
    this.#fanOut.drain(reconnectAfterMs, now);
  }

  /**
   * Until when the partition is drained, as it was stored, in milliseconds since 1970; undefined: it is not, or its
   * storage can never be opened, and each request is answered why.
   *
   * @throws an error of the storage: the next call tries again.
   */
  drainedUntil(now: number): number | undefined {
    try {
      return this.#memory.load(now).schedule.firstDueAt("end_drain");
    } catch (error) {
      if (isFault(error) || error instanceof MigrationError) return undefined;
      throw error;
    }
  }

  /** Stores until when the partition is drained. It must exist. */
  keepDrain(until: number, now: number): void {
    const { schedule } = this.#memory.load(now);
    this.#memory.write(now, (writes) => schedule.set(writes, "end_drain", until));
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

  /** In how many seconds this principal may read; 0: now. */
  secondsUntilRead(principal: string, now: number): number {
    return this.#limiter.readExcess(principal, now)?.retryAfter ?? 0;
  }

  /** @throws Refusal where this principal has read more than its rate allows. */
  assertMayRead(principal: string, now: number): void {
    const excess = this.#limiter.readExcess(principal, now);
    if (excess) throw new Refusal(excess);
  }

  /** @throws Refusal where the state does not allow this author to read. */
  assertAuthorized(author: Author, now: number): void {
    if (this.#environment.model.authorize) assertAuthorized(this.#environment, this.#memory.load(now), author);
  }

  /** Has a principal without a connection pay for a read for which `bytes` were produced or replayed. */
  payForRead(principal: string, bytes: number, now: number): void {
    this.#limiter.read(principal, bytes, now);
  }

  /**
   * What a page of the log and the state derive from, known without reading or folding anything: what
   * was made of the same standing is the same. `fold` names what the state is folded by. `at`: the event that it is
   * of; absent: the head.
   */
  standing(now: number, at?: number): Standing {
    const { model, ports } = this.#environment;
    const { logId, eventId, proof } = this.#memory.load(now).head;
    const atHead = at === undefined || at === eventId;
    return {
      logId,
      head: eventId,
      proof: atHead ? proof : proofAt(ports.storage, at),
      fold: modelTag(model),
      authors: model.authors,
    };
  }

  /**
   * Compares the `proof` that a reader has of the event `since` with this log.
   *
   * @throws Refusal where the reader has read another log.
   */
  assertSameLog(since: number, proof: string | undefined, now: number): void {
    this.#memory.load(now);
    assertSameLog(this.#environment.ports.storage, since, proof);
  }

  /**
   * The page of the log after `since`. `proof`: of that event, where the reader has one. `authors`: it is sent with the
   * authors of its events.
   *
   * @throws Refusal where `since` is past the head, or the reader has read another log.
   */
  events(since: number, limit: number | undefined, now: number, proof?: string, authors?: boolean): Page {
    return complete(this.eventsInSteps(since, limit, now, proof, authors));
  }

  /** The same, read in steps. `maxBytes`: what the reader asked for as the most bytes of the page. */
  eventsInSteps(
    since: number,
    limit: number | undefined,
    now: number,
    proof?: string,
    authors?: boolean,
    maxBytes?: number,
  ): Steps<Page> {
    const { head } = this.#memory.load(now);
    assertNotAhead(head, since, "events");
    assertSameLog(this.#environment.ports.storage, since, proof);
    const { storage } = this.#environment.ports;
    return pageSteps(
      storage,
      since,
      clampLimit(limit),
      head.eventId,
      undefined,
      clampBytes(maxBytes),
      authors && this.authors.shows,
    );
  }

  /**
   * The state as JSON text, at the head or after the event `at`, made in steps.
   *
   * @throws Refusal where `at` is past the head, or too far from a snapshot.
   */
  stateAt(at: number | undefined, now: number): Steps<StateRead> {
    return stateSteps(this.#environment.ports.storage, this.#environment, this.#memory.load(now), at);
  }

  /** Reads its sagas; undefined: it has no part for that. */
  get sagas(): SagaReader | undefined {
    const { sagas } = this.#parts;
    const { model } = this.#environment;
    return (
      sagas && {
        find: (id, now) => sagas.findSaga(model, this.#memory.load(now), id),
        list: (query, now) => sagas.listSagas(model, this.#memory.load(now), query),
      }
    );
  }

  /**
   * Compares what derives from the log with the log, in steps; `verified` says how far it is.
   *
   * @throws Refusal where there is not enough memory, or the state is behind the log.
   */
  verify(verified: Verified, now: () => number): Steps<void> {
    const { SegmentCheck } = this.#parts;
    const segments = SegmentCheck && new SegmentCheck(this.#environment);
    return verifySteps(this.#environment, this.#memory, verified, now, segments);
  }

  /** The last event. */
  headAt(now: number): number {
    return this.#memory.load(now).head.eventId;
  }

  /** How full is what has a bound here. */
  usages(now: number): Usages {
    const { storage } = this.#environment.ports;
    return usagesOf(this.#memory.load(now), this.limits, storage, this.#parts.causing);
  }

  /** What the model says of the state in figures. */
  gauges(now: number): Readonly<Record<string, number>> {
    return this.#parts.gaugesOf?.(this.#environment.model, this.#memory.load(now), now) ?? {};
  }

  /**
   * Runs the jobs that are due, earliest first, each in a transaction of its own. One that fails is due again
   * later and does not keep the others from running. Then fires the timers that are due, one window of them. What it
   * returns is to be run, one after the other.
   */
  runJobs(now: number): readonly FollowUp[] {
    const followUps = this.#jobs.run(now);
    this.#timers?.run(now);
    return followUps;
  }

  /** Folds the next part of a log that was too long to be folded when it was loaded. Returns how far it is; undefined: nothing is left. */
  advance(now: number): FoldPosition | undefined {
    return this.#memory.advance(now);
  }

  /** Whether the state before the last event is reached, and has to be stored: that after it cannot be. */
  storesBeforeHead(now: number): boolean {
    return this.#memory.storesBeforeHead(now);
  }

  /** The state as far as it is folded, to be written as a snapshot; undefined: it is stored, or cannot be. */
  beginSnapshot(now: number): SnapshotDraft | undefined {
    const live = this.#memory.load(now);
    const { fault, snapshotting, snapshot, behind } = live.fold;
    if (fault || snapshotting || snapshot.eventId === (behind ?? live.head.eventId)) return undefined;
    return beginSnapshot(live, this.#environment.ports.storage, this.#environment.model, now);
  }

  /** Makes the job that folds a long log due at once, where there is more of it. */
  continueRebuild(now: number): void {
    const { fold, schedule } = this.#memory.load(now);
    schedule.derive("rebuild", fold.behind === undefined ? undefined : now);
  }

  /** Makes the verification due at `at`; undefined: not any more, until there is another snapshot. */
  scheduleVerification(at: number | undefined, now: number): void {
    const { schedule } = this.#memory.load(now);
    this.#memory.write(now, (writes) => {
      if (at === undefined) schedule.cancel(writes, "verify", "");
      else schedule.set(writes, "verify", at);
    });
  }

  /** Writes a piece of a snapshot; each is a transaction of its own. */
  putSnapshotChunk(eventId: number, chunk: number, bytes: Uint8Array, now: number): void {
    this.#memory.write(now, (writes) => writes.snapshots.putChunk(eventId, chunk, bytes));
  }

  /** Makes a snapshot of the pieces that were written: from here on it is what the state is loaded from. `stateBytes`: of the text, in UTF-8. */
  completeSnapshot(
    draft: SnapshotDraft,
    stateBytes: number,
    encoding: SnapshotEncoding,
    sha256: Uint8Array,
    now: number,
  ): void {
    completeSnapshot(this.#memory, draft, stateBytes, encoding, sha256, now);
  }

  /** Whether this snapshot is the one that is being written: it is not any more once the state was loaded again. */
  isSnapshotting({ state }: SnapshotDraft): boolean {
    return this.#memory.live?.fold.isSnapshotting(state) === true;
  }

  /** Whether more of a snapshot has to be written before the state changes further: `units` UTF-16 units of it are. */
  snapshotLags(draft: SnapshotDraft, units: number): boolean {
    return this.isSnapshotting(draft) && this.#memory.live!.fold.snapshotLags(units);
  }

  /** Gives up a snapshot that could not be written; it is due again when the log has grown further. */
  abandonSnapshot(draft: SnapshotDraft): void {
    this.#memory.abandonSnapshot(draft);
  }

  /**
   * What was thrown, as the failure that the client receives; of an unexpected error no more than that there was
   * one: it is logged. `traceId`: of the request; undefined: a new one.
   */
  failureOf(error: unknown, now: number, traceId?: string): TracedFailure {
    return failureOf(error, { ...this.#environment, now, live: this.#memory.live }, traceId);
  }
}
