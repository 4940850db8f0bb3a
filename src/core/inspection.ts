import { bounds } from "../protocol/index.ts";
import { correlationIdOf, type JobRow, type RejectionFilter, submitterOf } from "../storage/port.ts";
import type { Environment } from "./environment.ts";
import { quarantined } from "./faults.ts";
import type { Memory } from "./memory.ts";
import { Refusal } from "./refusal.ts";

/** What an operator sees of a partition that its readers do not. It changes nothing; each answer has a bound. */
export class Inspection {
  readonly #environment: Environment;
  readonly #memory: Memory;

  constructor(environment: Environment, memory: Memory) {
    this.#environment = environment;
    this.#memory = memory;
  }

  /** What the partition is, and what it has to do. */
  overview(now: number) {
    const { model, ports } = this.#environment;
    const { head, fold, schedule, outbox, timers } = this.#memory.load(now);
    const jobs = schedule.all.toSorted((a, b) => a.dueAt - b.dueAt);
    const lanes = outbox.lanes;
    return {
      head: head.eventId,
      serverId: head.logId,
      model: { name: model.name, version: model.version },
      fault: fold.fault && quarantined(fold.fault).detail,
      /** The last event that is in the state, where it is behind the log. */
      behind: fold.behind,
      drainedUntil: schedule.firstDueAt("end_drain"),
      snapshots: ports.storage.snapshots.all().map(({ eventId, modelVersion, modelTag, stateBytes, createdAt }) => ({
        eventId,
        modelVersion,
        modelTag,
        stateBytes,
        createdAt,
      })),
      jobs: jobs
        .slice(0, bounds.inspectedMax)
        .map(({ kind, key, dueAt, attempts }) => ({ kind, key, dueAt, attempts })),
      jobsTotal: jobs.length,
      lanes: lanes.slice(0, bounds.inspectedMax).map(({ name, kind, destination, waiting, attempts }) => ({
        name,
        kind,
        destination,
        waiting: waiting.length,
        firstEventId: waiting[0]?.eventId,
        attempts,
        parked: !outbox.ready.has(name),
        nextAt: nextAttemptAt(jobs, name),
      })),
      lanesTotal: lanes.length,
      timers: { total: timers.size, nextAt: timers.next },
    };
  }

  /**
   * Who has submitted an event, and under which key.
   *
   * @throws Refusal where there is none, or Damage where it is damaged.
   */
  event(eventId: number, now: number) {
    this.#memory.load(now);
    const [row] = this.#environment.ports.storage.events.after(eventId - 1, 1, 1);
    if (!row) throw new Refusal({ code: "not_found", detail: `There is no event ${eventId}.` });
    return {
      eventId: row.eventId,
      principal: submitterOf(row),
      draftId: row.draftId,
      clientId: row.clientId,
      timestamp: row.timestamp,
      expectedEventId: row.expectedEventId,
      batchEnd: row.batchEnd,
      transformed: row.fingerprint !== undefined,
      incarnation: row.incarnation,
      correlationId: correlationIdOf(row),
      hops: row.hops,
      payloadBytes: row.payloadBytes,
    };
  }

  /** Stored rejections before the record id `before`, the newest first. */
  rejections(filter: RejectionFilter, before: number | undefined, limit: number, now: number) {
    this.#memory.load(now);
    const { storage } = this.#environment.ports;
    const from = before ?? Number.MAX_SAFE_INTEGER;
    const { rows, scannedTo } = storage.rejections.search(filter, from, bounds.rejectionsScannedMax, limit);
    const rejections = rows.map(({ recordId, principal, draftId, problem, createdAt, judgedAt }) => ({
      recordId,
      principal,
      draftId,
      timestamp: createdAt,
      judgedAt,
      // Of an atomic batch: what became of each draft. Of a damaged record: nothing.
      problem: problem === undefined ? undefined : (JSON.parse(problem) as unknown),
    }));
    return { rejections, next: scannedTo > 1 ? scannedTo : undefined };
  }

  /** Timers after the first `skip`, the earliest first, with what they submit. */
  timers(skip: number, limit: number, now: number) {
    const { timers } = this.#memory.load(now);
    const rows = this.#environment.ports.storage.timers.page(skip, limit);
    return {
      timers: rows.map(({ key, dueAt, type, version, payload, recurs, correlationId, attempts }) => ({
        key,
        dueAt,
        type,
        version,
        payload: payload === undefined ? undefined : (JSON.parse(payload) as unknown),
        recurs,
        correlationId,
        attempts,
      })),
      next: skip + rows.length < timers.size && rows.length > 0 ? skip + rows.length : undefined,
    };
  }
}

/** When a lane that is parked is tried again, in milliseconds since 1970. */
function nextAttemptAt(jobs: readonly JobRow[], lane: string): number | undefined {
  return jobs.find(({ kind, key }) => kind === "redeliver" && key === lane)?.dueAt;
}
