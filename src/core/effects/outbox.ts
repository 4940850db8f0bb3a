import { bounds } from "../../protocol/index.ts";
import type { JobRow, OutboxKey, OutboxKind, StorageReads, WaitingEffect } from "../../storage/port.ts";

/** Where effects go, in their order: one after the other. */
export interface Lane {
  /** Unique, as the key of a job. */
  readonly name: string;
  readonly kind: OutboxKind;
  readonly destination: string;
  /** In the order of the log. */
  readonly waiting: WaitingEffect[];
  /** Failed attempts since the last that succeeded. */
  attempts: number;
}

/** The effects that wait, without their bodies, as the table `outbox` has them. */
export class Outbox {
  readonly #lanes = new Map<string, Lane>();
  /** Those that are not parked: after each frame it is asked whether there is one, and thousands can be parked. */
  readonly #ready = new Map<string, Lane>();
  #rows = 0;
  #bytes = 0;

  /** `jobs`: those of kind `redeliver` say which lanes are parked. */
  constructor(reads: StorageReads, jobs: readonly JobRow[]) {
    for (const effect of reads.outbox.waiting()) this.add(effect);
    for (const { kind, key, attempts } of jobs) {
      const lane = kind === "redeliver" ? this.#lanes.get(key) : undefined;
      if (!lane) continue;
      lane.attempts = attempts;
      this.park(lane);
    }
  }

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there is no room for that number more. */
  isFullWith(rows: number, bytes: number): boolean {
    return this.#rows + rows > bounds.outboxRowsMax || this.#bytes + bytes > bounds.outboxBytesMax;
  }

  /** Runs `body` as if `rows` rows with `bytes` bytes had been removed: they are, when it is done. */
  without<T>(rows: number, bytes: number, body: () => T): T {
    this.#rows -= rows;
    this.#bytes -= bytes;
    try {
      return body();
    } finally {
      this.#rows += rows;
      this.#bytes += bytes;
    }
  }

  /** Has a lane wait for its next attempt: its first effect failed. */
  park(lane: Lane): void {
    this.#ready.delete(lane.name);
  }

  /** Has a lane go on, if it still has something. */
  unpark(lane: Lane): void {
    if (this.#lanes.get(lane.name) === lane) this.#ready.set(lane.name, lane);
  }

  /** Has a lane have its next turn after all others. */
  moveToEnd(lane: Lane): void {
    if (this.#ready.delete(lane.name)) this.#ready.set(lane.name, lane);
  }

  /** Those that have something to deliver, and are not parked. */
  get ready(): ReadonlyMap<string, Lane> {
    return this.#ready;
  }

  lane(name: string): Lane | undefined {
    return this.#lanes.get(name);
  }

  add(effect: WaitingEffect): void {
    const name = laneName(effect.kind, effect.destination);
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = { name, kind: effect.kind, destination: effect.destination, waiting: [], attempts: 0 };
      this.#lanes.set(name, lane);
      this.#ready.set(name, lane);
    }
    // Only what is replayed is not the last.
    let at = lane.waiting.length;
    while (at > 0 && isBefore(effect, lane.waiting[at - 1]!)) at--;
    lane.waiting.splice(at, 0, effect);
    this.#rows++;
    this.#bytes += effect.bytes;
  }

  /** Removes an effect from its lane; a lane without any is forgotten. Returns false if it is not there. */
  remove(lane: Lane, { eventId, n }: OutboxKey): boolean {
    const at = lane.waiting.findIndex((effect) => effect.eventId === eventId && effect.n === n);
    if (at < 0) return false;
    const [{ bytes }] = lane.waiting.splice(at, 1) as [WaitingEffect];
    this.#rows--;
    this.#bytes -= bytes;
    if (lane.waiting.length === 0) {
      this.#lanes.delete(lane.name);
      this.#ready.delete(lane.name);
    }
    return true;
  }
}

function laneName(kind: OutboxKind, destination: string): string {
  return `${kind}:${destination}`;
}

function isBefore(a: OutboxKey, b: OutboxKey): boolean {
  return a.eventId < b.eventId || (a.eventId === b.eventId && a.n < b.n);
}
