import type { CourierRow } from "../platform/courier-api.ts";
import type { DeliveryRow, DeliverySummary, StoredDelivery } from "../storage/courier/deliveries.ts";
import type { CourierStorage, CourierWrites } from "../storage/courier/storage.ts";
import { courierBounds } from "./bounds.ts";
import { afterAttempt, attemptsAllowed, type Breaker, breakerState, closedBreaker } from "./breaker.ts";
import { type Outcome, retryDelayMs } from "./outcome.ts";

/** Why rows were moved to the dead letters that had no last attempt to say so. */
const tooOld = "It was not delivered within a day.";
const damaged = "What is stored of it is damaged.";
/** No time comes after it. */
const endless = Number.MAX_SAFE_INTEGER;

/** The state of an endpoint's deliveries. */
export interface CourierStatus {
  /** Rows that are to be delivered. */
  waiting: number;
  deadLetters: number;
  bytes: number;
  breaker: "closed" | "open" | "half_open";
  /** Since when nothing was delivered, in milliseconds since 1970; absent: the last attempt was delivered. */
  failingSince?: number;
}

/**
 * What is to be delivered to one endpoint, and when. Synchronous: each call is one step, with the time and randomness as
 * arguments. A row is deleted after its delivery and never before: so each arrives at least once.
 */
export class Courier {
  readonly #storage: CourierStorage;
  #rows: number;
  #bytes: number;
  #dead: number;
  #lastSeq: number;
  #breaker: Breaker = closedBreaker;
  /** Before then nothing could be sent, in milliseconds since 1970: a row becomes no older meanwhile. `endless`: it still cannot. */
  #heldUntil = 0;
  #sweptAt = 0;
  /** When it was called last that it may send, in milliseconds since 1970. */
  #resumedAt: number | undefined;

  /** @throws MigrationError where the storage's schema is not one of ours. */
  constructor(storage: CourierStorage, now: number) {
    this.#storage = storage;
    storage.open(now);
    const { rows, bytes, dead, lastSeq } = storage.deliveries.totals();
    this.#rows = rows;
    this.#bytes = bytes;
    this.#dead = dead;
    this.#lastSeq = lastSeq;
    this.#readBreaker();
  }

  get isEmpty(): boolean {
    return this.#rows === 0;
  }

  get onlyDeadLetters(): boolean {
    return this.#rows === this.#dead;
  }

  get isFull(): boolean {
    return this.#rows >= courierBounds.rowsMax || this.#bytes >= courierBounds.rowBytesMax;
  }

  /** Since when nothing was delivered and something failed, in milliseconds since 1970; 0: it is not so. */
  get failingSince(): number {
    return this.#breaker.failingSince;
  }

  status(now: number): CourierStatus {
    const { failingSince } = this.#breaker;
    return {
      waiting: this.#rows - this.#dead,
      deadLetters: this.#dead,
      bytes: this.#bytes,
      breaker: breakerState(this.#breaker, now),
      ...(failingSince === 0 ? {} : { failingSince }),
    };
  }

  /**
   * Stores rows that partitions hand over, each once: a partition hands them over in order, and again while it has no
   * receipt. Call it only while the courier is not full.
   */
  accept(rows: readonly CourierRow[], now: number): void {
    const { deliveries, handed } = this.#storage;
    const byPartition = Map.groupBy(rows, ({ partition }) => partition);
    this.#write(now, (writes) => {
      for (const [partition, own] of byPartition) {
        const before = handed.of(partition);
        const known = new Set(before);
        const added = own.filter(({ effectId }) => !known.has(effectId) && !deliveries.find(effectId));
        if (added.length === 0) continue;
        for (const row of added) this.#add(writes, row, now);
        const ids = [...before, ...added.map(({ effectId }) => effectId)].slice(-courierBounds.handedIdsMax);
        writes.handed.put(partition, ids, now);
      }
    });
  }

  /**
   * The rows to send now, besides those that are being sent. Damaged ones become dead letters, so that they stop no other:
   * `buried` is called with the id of each.
   */
  take(
    running: ReadonlyMap<string, unknown>,
    now: number,
    buried: (effectId: string) => void = () => {},
  ): DeliveryRow[] {
    const count = attemptsAllowed(this.#breaker, running.size, now);
    if (count === 0) return [];
    for (;;) {
      const due = this.#storage.deliveries.due(now, count + running.size);
      const broken = due.filter((row) => !isWhole(row));
      if (broken.length === 0) {
        return due
          .filter(isWhole)
          .filter(({ effectId }) => !running.has(effectId))
          .slice(0, count);
      }
      this.#write(now, (writes) => {
        for (const row of broken) this.#bury(writes, row, damaged, now);
      });
      for (const { effectId } of broken) buried(effectId);
    }
  }

  /** When a row is due next, besides those that are being sent; undefined: none is. */
  nextDue(running: ReadonlyMap<string, unknown>, now: number): number | undefined {
    const earliest = this.#storage.deliveries.earliest(running.size + 1);
    const next = earliest.find(({ effectId }) => !running.has(effectId))?.dueAt;
    if (next === undefined) return undefined;
    return breakerState(this.#breaker, now) === "open" ? Math.max(next, this.#breaker.openUntil) : next;
  }

  /** An attempt has ended. `fraction`: random, from 0 to 1. Returns whether the row has become a dead letter. */
  settle(effectId: string, outcome: Outcome, now: number, fraction: number): boolean {
    const row = this.#storage.deliveries.find(effectId);
    return this.#write<boolean>(now, (writes) => {
      const before = this.#breaker;
      this.#breaker = afterAttempt(before, outcome, now, fraction);
      if (changed(before, this.#breaker)) this.#putBreaker(writes);
      // It was discarded, or became a dead letter, while it was being sent.
      if (!row || row.diedAt !== undefined) {
        if (row && outcome.kind === "delivered") this.#remove(writes, row, now);
        return false;
      }
      if (outcome.kind === "delivered") {
        this.#remove(writes, row, now);
        return false;
      }
      const attempts = row.attempts + 1;
      const died = outcome.final || now - Math.max(row.acceptedAt, this.#heldUntil) >= courierBounds.deliverMsMax;
      const delayMs = Math.max(retryDelayMs(attempts, fraction), outcome.retryAfterMs ?? 0);
      if (died) this.#dead++;
      writes.deliveries.update({
        effectId,
        dueAt: died ? undefined : now + delayMs,
        diedAt: died ? now : undefined,
        attempts,
        lastStatus: outcome.status,
        lastReason: outcome.reason,
      });
      return died;
    });
  }

  /**
   * Moves the rows that are too old to the dead letters, and deletes the dead letters that are too old; a bounded number.
   * Does nothing if it was called a short time ago. Returns how many it moved and deleted.
   */
  sweep(now: number): { died: number; deleted: number } {
    const none = { died: 0, deleted: 0 };
    if (this.isEmpty || (now >= this.#sweptAt && now - this.#sweptAt < courierBounds.sweepMs)) return none;
    const { stepRowsMax, deliverMsMax, deadLetterMs, handedMs } = courierBounds;
    const held = this.#heldUntil > now - deliverMsMax;
    const old = held ? [] : this.#storage.deliveries.acceptedBefore(now - deliverMsMax, stepRowsMax);
    const deleted = this.#storage.deliveries.dead(0, stepRowsMax).filter(({ diedAt }) => now - diedAt! >= deadLetterMs);
    // The next step follows at once where there is more.
    if (old.length < stepRowsMax && deleted.length < stepRowsMax) this.#sweptAt = now;
    this.#write(now, (writes) => {
      for (const row of old) this.#bury(writes, row, row.lastReason ?? tooOld, now);
      for (const row of deleted) this.#remove(writes, row, now);
      writes.handed.sweep(now - handedMs);
    });
    return { died: old.length, deleted: deleted.length };
  }

  /** Moves rows to the dead letters, because the endpoint is disabled; a bounded number. Returns how many. */
  bury(reason: string, now: number): number {
    const rows = this.#storage.deliveries.acceptedBefore(Number.MAX_SAFE_INTEGER, courierBounds.stepRowsMax);
    if (rows.length === 0) return 0;
    this.#write(now, (writes) => {
      for (const row of rows) this.#bury(writes, row, reason, now);
    });
    return rows.length;
  }

  /**
   * Deletes rows that were accepted before `before`, because they are for an endpoint that was removed; a bounded number.
   * Returns how many.
   */
  clear(before: number, now: number): number {
    const ids = this.#storage.deliveries.idsBefore(before, courierBounds.stepRowsMax);
    if (ids.length === 0) return 0;
    this.#write(now, (writes) => {
      for (const id of ids) writes.deliveries.remove(id);
    });
    this.#count();
    return ids.length;
  }

  /**
   * The endpoint is disabled, paused, or removed: when it begins again, nothing is held against it, and what waits is as old
   * as it is now. Stored at once, because the object may have ended by then.
   */
  stop(now: number): void {
    const holds = !this.isEmpty && this.#heldUntil !== endless;
    if (!holds && !changed(this.#breaker, closedBreaker)) {
      this.#breaker = closedBreaker;
      return;
    }
    this.#write(now, (writes) => {
      this.#breaker = closedBreaker;
      if (holds) this.#heldUntil = endless;
      this.#putBreaker(writes);
    });
  }

  /** It may send; to be called at each step. The time in which nothing was sent makes no row older, and is no failure. */
  resume(now: number): void {
    const held = this.#heldUntil > now || this.#wasIdle(now);
    this.#resumedAt = now;
    if (!held) return;
    this.#write(now, (writes) => {
      this.#heldUntil = now;
      if (this.#breaker.failingSince !== 0) this.#breaker = { ...this.#breaker, failingSince: now };
      this.#putBreaker(writes);
    });
  }

  /** Whether nothing was sent for a long time, though something was due. */
  #wasIdle(now: number): boolean {
    const before = this.#resumedAt;
    if (before !== undefined && now >= before && now - before < courierBounds.idleMsMax) return false;
    const due = this.#storage.deliveries.earliest(1)[0]?.dueAt;
    if (due === undefined) return false;
    return now - Math.max(due, this.#breaker.openUntil, this.#heldUntil) > courierBounds.idleMsMax;
  }

  /** The dead letters after number `after`, in order. */
  deadLetters(after: number, limit: number): DeliverySummary[] {
    return this.#storage.deliveries.dead(after, limit);
  }

  deadLetter(effectId: string): StoredDelivery | undefined {
    const row = this.#storage.deliveries.find(effectId);
    return row?.diedAt === undefined ? undefined : row;
  }

  /** Makes a dead letter due again, under the same id, in its old place in the order. Returns whether there was one. */
  replay(effectId: string, now: number): boolean {
    const row = this.deadLetter(effectId);
    if (!row) return false;
    this.#write(now, (writes) => this.#replay(writes, row, now));
    return true;
  }

  /** The same for the first dead letters, a bounded number. Returns how many. */
  replayAll(now: number): number {
    const rows = this.#storage.deliveries.dead(0, courierBounds.stepRowsMax);
    if (rows.length === 0) return 0;
    this.#write(now, (writes) => {
      for (const row of rows) this.#replay(writes, row, now);
    });
    return rows.length;
  }

  /** Deletes a dead letter. Returns whether there was one. */
  discard(effectId: string, now: number): boolean {
    const row = this.deadLetter(effectId);
    if (!row) return false;
    this.#write(now, (writes) => this.#remove(writes, row, now));
    return true;
  }

  #add(writes: CourierWrites, row: CourierRow, now: number): void {
    const { effectId, partition, type, timestamp, correlationId, traceId, payload } = row;
    const ordered = row.ordered === true;
    const waits = ordered && this.#storage.deliveries.firstOrdered(partition) !== undefined;
    writes.deliveries.add({
      effectId,
      seq: ++this.#lastSeq,
      partition,
      type,
      timestamp,
      correlationId,
      traceId,
      ordered,
      acceptedAt: now,
      dueAt: waits ? undefined : now,
      diedAt: undefined,
      attempts: 0,
      lastStatus: undefined,
      lastReason: undefined,
      payload,
    });
    this.#rows++;
    this.#bytes += bytesIn(payload);
  }

  #bury(writes: CourierWrites, row: DeliverySummary, reason: string, now: number): void {
    writes.deliveries.update({ ...row, dueAt: undefined, diedAt: now, lastReason: reason });
    this.#dead++;
  }

  #replay(writes: CourierWrites, { effectId, ordered, partition }: DeliverySummary, now: number): void {
    const waits = ordered && this.#storage.deliveries.firstOrdered(partition)?.effectId !== effectId;
    writes.deliveries.restart({ effectId, dueAt: waits ? undefined : now, acceptedAt: now });
    this.#dead--;
  }

  /** Deletes a row. The next ordered row of its partition does not wait for it any more. */
  #remove(writes: CourierWrites, row: DeliverySummary, now: number): void {
    const { effectId, ordered, partition, bytes } = row;
    writes.deliveries.remove(effectId);
    this.#rows--;
    this.#bytes -= bytes;
    if (row.diedAt !== undefined) this.#dead--;
    const next = ordered ? this.#storage.deliveries.firstOrdered(partition) : undefined;
    if (next && next.dueAt === undefined && next.diedAt === undefined) {
      writes.deliveries.update({ ...next, dueAt: now });
    }
  }

  #write<T>(now: number, body: (writes: CourierWrites) => T extends PromiseLike<unknown> ? never : T): T {
    try {
      return this.#storage.transaction(now, body);
    } catch (error) {
      this.#readBreaker();
      this.#count();
      throw error;
    }
  }

  #readBreaker(): void {
    const { heldUntil, ...breaker } = this.#storage.breaker.find() ?? { ...closedBreaker, heldUntil: 0 };
    this.#breaker = breaker;
    this.#heldUntil = heldUntil;
  }

  #putBreaker(writes: CourierWrites): void {
    writes.breaker.put({ ...this.#breaker, heldUntil: this.#heldUntil });
  }

  /** What is stored counts. */
  #count(): void {
    const { rows, bytes, dead, lastSeq } = this.#storage.deliveries.totals();
    this.#rows = rows;
    this.#bytes = bytes;
    this.#dead = dead;
    this.#lastSeq = Math.max(lastSeq, this.#lastSeq);
  }
}

function isWhole(row: StoredDelivery): row is DeliveryRow {
  return row.payload !== undefined;
}

/** Whether it has to be stored: failures in a row that have not opened it are counted in memory only. */
function changed(before: Breaker, after: Breaker): boolean {
  return before.openUntil !== after.openUntil || before.failingSince !== after.failingSince;
}

function bytesIn(text: string): number {
  return new TextEncoder().encode(text).length;
}
