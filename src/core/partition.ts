import { type AnyModel, FoldError, State } from "../model/index.ts";
import { type Failure, limits, type Problem, problem } from "../protocol/index.ts";
import { MigrationError } from "../storage/migrations.ts";
import type { StorageWrites } from "../storage/port.ts";
import type { Command, Draft } from "./commands.ts";
import { assertNotAhead, connect, type Scene, sync } from "./connect.ts";
import { nextDue, rejectionRetentionMs, reschedule, scheduleOnce, socketSweepMs, sweepRecords } from "./due.ts";
import type { Author, Outcome, Page } from "./effects.ts";
import { foldRange, type Live, loadLive, LogCorrupt } from "./live.ts";
import { clampLimit, readPage } from "./page.ts";
import { fanOut } from "./pipeline/fan-out.ts";
import { submit } from "./pipeline/submit.ts";
import { describe, type Ports } from "./ports.ts";
import { Refusal } from "./refusal.ts";
import { retryAfterSeconds, type Session } from "./session.ts";
import { snapshotDue, takeSnapshot } from "./snapshots.ts";

/** Who a partition is. */
export interface PartitionName {
  tenant: string;
  partition: string;
}

/**
 * The authority over one partition: one log, one order. Synchronous and without I/O but its ports,
 * so that one call is one step; between two steps everything that counts is in the storage.
 */
export class Partition {
  readonly #name: PartitionName;
  readonly #model: AnyModel;
  readonly #ports: Ports;
  readonly #sessions = new Set<Session>();
  /** Undefined before the first use, and after a failed commit: then memory is rebuilt from storage. */
  #live: Live | undefined;
  /** The id the log will get when it is first written. */
  #provisionalLogId: string | undefined;

  constructor(name: PartitionName, model: AnyModel, ports: Ports) {
    this.#name = name;
    this.#model = model;
    this.#ports = ports;
  }

  /**
   * Makes the schema current and loads the state, before anything else is taken.
   *
   * @throws Refusal where that cannot be done; the next call tries again.
   */
  open(now: number): void {
    this.#loaded(now);
  }

  /** When the alarm has to come next; undefined: never. */
  get nextDue(): number | undefined {
    return this.#live && nextDue(this.#live);
  }

  /** Adds a connection: new, or woken from hibernation. */
  attach(session: Session, now: number): void {
    this.#sessions.add(session);
    this.#provisionalLogId ??= session.state.provisionalLogId;
    const live = this.#live;
    // While nothing was ever written, nothing is: a reader must not create storage.
    if (live?.logId !== undefined && !live.due.has("sweep_sockets")) {
      this.#write(now, (writes) => scheduleOnce(live, writes, "sweep_sockets", now + socketSweepMs));
    }
  }

  detach(session: Session): void {
    this.#sessions.delete(session);
  }

  /** Takes one command of a connection, and answers it through the session. Never throws. */
  receive(session: Session, command: Command, now: number): void {
    try {
      this.#receive(session, command, now);
    } catch (error) {
      session.emit({
        kind: "error",
        requestId: command.requestId,
        draftId: command.kind === "submit" ? command.draft.draftId : undefined,
        problem: this.problemOf(error, now),
      });
    }
  }

  /** Decides one draft, and gives the event, if it became one, to the connections. Never throws. */
  submit(author: Author, clientId: string, draft: Draft, now: number): Outcome {
    const outcome = this.#decide(author, clientId, draft, now);
    if (outcome.kind === "accepted" && !outcome.replayed) fanOut(this.#sessions, outcome.event);
    return outcome;
  }

  /**
   * The page of the log after `since`.
   *
   * @throws Refusal where `since` is past the head.
   */
  events(since: number, limit: number | undefined, now: number): Page {
    const live = this.#loaded(now);
    assertNotAhead(live, since);
    return readPage(this.#ports.storage, since, clampLimit(limit), live.head);
  }

  /**
   * The state as JSON text, at the head or after the event `at`.
   *
   * @throws Refusal where `at` is past the head, or too far from a snapshot.
   */
  stateAt(at: number | undefined, now: number): { state: string; eventIndex: number } {
    const live = this.#loaded(now);
    assertNotAhead(live, at);
    if (at === undefined || at === live.head) return { state: live.state.stringify(), eventIndex: live.head };
    const { storage } = this.#ports;
    const snapshot = storage.latestSnapshot(this.#model.version, at);
    const text = snapshot && storage.snapshotState(snapshot.eventId);
    const from = text === undefined ? 0 : snapshot!.eventId;
    if (at - from > limits.replayEventsMax) {
      throw new Refusal({
        code: "too_expensive",
        detail: `Event ${at} is ${at - from} events from the nearest snapshot; at most ${limits.replayEventsMax} are replayed.`,
      });
    }
    const state = new State<object>(text === undefined ? this.#model.initialState() : (JSON.parse(text) as object));
    foldRange(storage, this.#model, state, from, at);
    return { state: state.stringify(), eventIndex: at };
  }

  /**
   * Does the work that is due. Each kind is idempotent and has a transaction of its own; one that
   * fails stays due and does not keep the others from being done. `sweepSockets` ends the sockets of vanished peers.
   */
  runDue(now: number, sweepSockets: () => void): void {
    const live = this.#loaded(now);
    for (const { kind } of this.#ports.storage.dueBy(now)) {
      try {
        if (kind === "sweep_sockets") sweepSockets();
        this.#write(now, (writes) => {
          if (kind === "sweep_sockets") {
            reschedule(live, writes, kind, this.#sessions.size > 0 ? now + socketSweepMs : undefined);
          } else if (kind === "sweep_records") {
            const { swept, next } = sweepRecords(this.#ports.storage, writes, now);
            reschedule(live, writes, kind, next);
            this.#ports.log("info", "swept idempotency records", { swept });
          } else {
            if (snapshotDue(live)) takeSnapshot(live, this.#model, writes, now);
            reschedule(live, writes, kind, undefined);
          }
        });
      } catch (error) {
        this.#ports.log("error", "due work failed", { kind, error: describe(error) });
      }
    }
  }

  /** What was thrown, as the problem document that the client gets; the unexpected is logged, and told as nothing more than that. */
  problemOf(error: unknown, now: number): Problem {
    if (error instanceof Refusal) return this.#problem(error.failure, now);
    const told = this.#problem(unexpected(error), now);
    this.#ports.log("error", "a request failed", { ...this.#name, traceId: told.traceId, error: describe(error) });
    return told;
  }

  #receive(session: Session, command: Command, now: number): void {
    switch (command.kind) {
      case "unreadable":
        session.emit({
          kind: "error",
          requestId: command.requestId,
          draftId: command.draftId,
          problem: this.#problem(command.failure, now),
        });
        return;
      case "heartbeat":
        session.emit({ kind: "heartbeat", requestId: command.requestId, now });
        return;
      case "connect":
        connect(this.#scene(now), session, command);
        return;
      case "sync":
        connected(session);
        sync(this.#scene(now), session, command);
        return;
      case "submit":
        this.#submitFrom(session, command.draft, now);
        return;
    }
  }

  #submitFrom(session: Session, draft: Draft, now: number): void {
    const { author, clientId } = connected(session);
    const { draftId } = draft;
    const heldBack = session.heldBack(draftId);
    if (heldBack) throw new Refusal(heldBack);
    const outcome = this.#decide(author, clientId, draft, now);
    session.settle(draftId, outcome.kind === "refused" ? outcome.problem.code : undefined);
    if (outcome.kind === "accepted") {
      // Before the broadcast: the submitter learns the verdict first.
      session.emit({ kind: "accepted", event: outcome.event });
      if (!outcome.replayed) fanOut(this.#sessions, outcome.event);
    } else if (outcome.kind === "rejected") {
      session.emit({ kind: "rejected", draftId, rejection: outcome.rejection });
    } else {
      session.emit({ kind: "error", requestId: undefined, draftId, problem: outcome.problem });
    }
  }

  #decide(author: Author, clientId: string, draft: Draft, now: number): Outcome {
    try {
      const live = this.#loaded(now);
      return this.#write(now, (writes) => {
        this.#createLog(live, writes, now);
        const outcome = submit(
          {
            partition: this.#name.partition,
            model: this.#model,
            live,
            reads: this.#ports.storage,
            author,
            clientId,
            draft,
            now,
          },
          writes,
          this.#ports,
        );
        if (outcome.kind === "rejected") scheduleOnce(live, writes, "sweep_records", now + rejectionRetentionMs);
        if (outcome.kind === "accepted" && snapshotDue(live)) scheduleOnce(live, writes, "snapshot", now);
        return outcome;
      });
    } catch (error) {
      return { kind: "refused", problem: this.problemOf(error, now) };
    }
  }

  #createLog(live: Live, writes: StorageWrites, now: number): void {
    if (live.logId !== undefined) return;
    live.logId = this.#serverId(live);
    writes.createLog({ logId: live.logId, ...this.#name }, now);
    if (this.#sessions.size > 0) scheduleOnce(live, writes, "sweep_sockets", now + socketSweepMs);
  }

  #serverId(live: Live): string {
    return live.logId ?? (this.#provisionalLogId ??= this.#ports.random.logId());
  }

  #scene(now: number): Scene {
    const live = this.#loaded(now);
    return {
      partition: this.#name.partition,
      modelVersion: this.#model.version,
      serverId: this.#serverId(live),
      live,
      reads: this.#ports.storage,
      now,
    };
  }

  #loaded(now: number): Live {
    if (!this.#live) {
      this.#ports.storage.open(now);
      this.#live = loadLive(this.#ports.storage, this.#model);
    }
    return this.#live;
  }

  /** The one way to write. If it throws, memory may be ahead of storage, or behind it: it is dropped. */
  #write<T>(now: number, body: (writes: StorageWrites) => T extends PromiseLike<unknown> ? never : T): T {
    try {
      const result = this.#ports.storage.transaction(now, body);
      this.#live?.state.forget();
      return result;
    } catch (error) {
      this.#live = undefined;
      throw error;
    }
  }

  #problem(failure: Failure, now: number): Problem {
    return problem(failure, {
      instance: `/v1/partitions/${this.#name.partition}`,
      traceId: this.#ports.random.traceId(),
      timestamp: now,
    });
  }
}

/** What the outside may know of an error that nobody planned for. */
function unexpected(error: unknown): Failure {
  if (error instanceof MigrationError) {
    return {
      code: "schema_mismatch",
      detail: "This partition's storage is not of this version.",
      retryAfter: retryAfterSeconds,
    };
  }
  if (error instanceof FoldError || error instanceof LogCorrupt) {
    return { code: "internal", detail: "This partition's log cannot be folded; it was logged under the trace id." };
  }
  // Everything else came out of the storage, or left it in doubt.
  return {
    code: "storage_unavailable",
    detail: "The outcome is not known. Send the same again: a draft counts once.",
    retryAfter: retryAfterSeconds,
  };
}

function connected(session: Session): { author: Author; clientId: string } {
  const { client } = session.state;
  if (!client) {
    throw new Refusal({ code: "not_connected", detail: "Send connect first, and wait for connected." });
  }
  return client;
}
