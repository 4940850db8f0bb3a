import { bounds } from "../../protocol/index.ts";
import type { StorageReads, StorageWrites, TimerRow } from "../../storage/port.ts";
import { DueHeap } from "../jobs/due-heap.ts";

/** What of a timer is in memory. */
interface Known {
  readonly dueAt: number;
  readonly bytes: number;
}

/** A timer that is due, and nothing of it is damaged. */
export interface DueTimer extends TimerRow {
  readonly payload: string;
  /** When it is due the next time, in milliseconds since 1970; undefined: never any more. */
  readonly next: number | undefined;
}

/** The timers of a partition, without their drafts, as the table `timers` has them: the only writer of that table. */
export class Timers {
  readonly #known = new Map<string, Known>();
  readonly #due = new DueHeap();
  #bytes = 0;

  constructor(reads: StorageReads) {
    for (const { key, dueAt, retryAt, bytes } of reads.timers.waiting()) this.#keep(key, dueAt, bytes, retryAt);
  }

  /** When the next attempt is due, in milliseconds since 1970; undefined: there is no timer. */
  get next(): number | undefined {
    return this.#due.next;
  }

  get size(): number {
    return this.#known.size;
  }

  /** UTF-8 bytes of all payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When a timer is due, in milliseconds since 1970; undefined: there is no timer of this key. */
  dueAt(key: string): number | undefined {
    return this.#known.get(key)?.dueAt;
  }

  /** The timers that are due at `now`, earliest first: as many as one alarm fires. */
  due(now: number): string[] {
    let bytes = 0;
    const keys = this.#due.due(now, bounds.timersFiredMax);
    return keys.filter((key, at) => (bytes += this.#known.get(key)!.bytes) <= bounds.timersFiredBytesMax || at === 0);
  }

  /** Whether there is no room for these timers, by key with the bytes of their payloads; undefined: it is cancelled. */
  isFullWith(changes: ReadonlyMap<string, number | undefined>): boolean {
    let added = 0;
    let bytes = 0;
    for (const [key, of] of changes) {
      const known = this.#known.get(key);
      added += Number(of !== undefined) - Number(known !== undefined);
      bytes += (of ?? 0) - (known?.bytes ?? 0);
    }
    if (added <= 0 && bytes <= 0) return false;
    return this.#known.size + added > bounds.timersMax || this.#bytes + bytes > bounds.timersBytesMax;
  }

  /** Sets a timer; one of the same key is replaced. `bytes`: of its payload. */
  set(writes: StorageWrites, timer: Parameters<StorageWrites["timers"]["put"]>[0], bytes: number): void {
    writes.timers.put(timer);
    this.#keep(timer.key, timer.dueAt, bytes);
  }

  /** Removes a timer, if there is one. */
  remove(writes: StorageWrites, key: string): void {
    const known = this.#known.get(key);
    if (!known) return;
    writes.timers.remove(key);
    this.#known.delete(key);
    this.#due.delete(key);
    this.#bytes -= known.bytes;
  }

  /** Makes a timer due at `dueAt`. */
  move(writes: StorageWrites, key: string, dueAt: number): void {
    writes.timers.move(key, dueAt);
    this.#keep(key, dueAt, this.#known.get(key)!.bytes);
  }

  /** Has the next attempt of a timer come at `retryAt`. */
  postpone(writes: StorageWrites, { key, dueAt, attempts }: TimerRow, retryAt: number): void {
    writes.timers.postpone(key, retryAt, attempts + 1);
    this.#keep(key, dueAt, this.#known.get(key)!.bytes, retryAt);
  }

  #keep(key: string, dueAt: number, bytes: number, retryAt = dueAt): void {
    this.#bytes += bytes - (this.#known.get(key)?.bytes ?? 0);
    this.#known.set(key, { dueAt, bytes });
    this.#due.set(key, retryAt);
  }
}
