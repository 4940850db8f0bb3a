import { bounds } from "../../protocol/index.ts";
import type { JobRow, OutboxKey, OutboxKind, StorageReads, WaitingEffect } from "../../storage/port.ts";

/** An effect that waits. */
interface Entry extends OutboxKey {
  readonly kind: OutboxKind;
  readonly bytes: number;
  /** Where it still has to go: one destination; of webhooks "", or endpoints. */
  readonly left: Set<string>;
}

/** Where effects go, in their order: one after the other. */
export interface Lane {
  /** Unique, as the key of a job. */
  readonly name: string;
  readonly kind: OutboxKind;
  /** A partition or a queue. Of webhooks "": all endpoints; or one that has not taken what was sent to all. */
  readonly destination: string;
  /** In the order of the log. */
  readonly waiting: Entry[];
  /** Failed attempts since the last that succeeded. */
  attempts: number;
}

/** The effects that wait, without their bodies, as the table `outbox` has them. */
export class Outbox {
  readonly #lanes = new Map<string, Lane>();
  /** Those that are not parked: after each frame it is asked whether there is one, and thousands can be parked. */
  readonly #ready = new Map<string, Lane>();
  /** The endpoints that have lanes of their own. */
  readonly #endpoints = new Set<string>();
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

  /** Whether there is no room for that number more. `reserve`: what is reserved for effects of effects counts as room. */
  isFullWith(rows: number, bytes: number, reserve = false): boolean {
    if (this.#rows + rows > bounds.outboxRowsMax + (reserve ? bounds.outboxReserveRows : 0)) return true;
    return this.#bytes + bytes > bounds.outboxBytesMax + (reserve ? bounds.outboxReserveBytes : 0);
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

  /** The endpoints that have lanes of their own: what is sent to all must not overtake what waits there. */
  get endpoints(): ReadonlySet<string> {
    return this.#endpoints;
  }

  /** All lanes, those included that are parked. */
  get lanes(): readonly Lane[] {
    return [...this.#lanes.values()];
  }

  lane(name: string): Lane | undefined {
    return this.#lanes.get(name);
  }

  add({ eventId, n, kind, destination, bytes }: WaitingEffect): void {
    const left = new Set(kind === "webhook" ? destination.split(" ") : [destination]);
    const entry = { eventId, n, kind, bytes, left };
    for (const to of left) this.#enter(entry, to);
    this.#rows++;
    this.#bytes += bytes;
  }

  /**
   * An effect that was sent to all endpoints is missing at these: it goes on in a lane of each. Returns the lanes that are
   * new; undefined: it is not there.
   */
  spread(lane: Lane, key: OutboxKey, endpoints: readonly string[]): Lane[] | undefined {
    const entry = this.#leave(lane, key);
    if (!entry) return undefined;
    const added = endpoints.filter((endpoint) => !this.#endpoints.has(endpoint));
    for (const endpoint of endpoints) {
      entry.left.add(endpoint);
      this.#enter(entry, endpoint);
    }
    return added.map((endpoint) => this.#lanes.get(laneName("webhook", endpoint))!);
  }

  /**
   * Removes an effect from its lane; a lane without any is forgotten. Returns where it still has to go; undefined: it is
   * not there.
   */
  remove(lane: Lane, key: OutboxKey): ReadonlySet<string> | undefined {
    const entry = this.#leave(lane, key);
    if (!entry) return undefined;
    if (entry.left.size === 0) {
      this.#rows--;
      this.#bytes -= entry.bytes;
    }
    return entry.left;
  }

  /** Removes an effect from all its lanes. */
  forget(lane: Lane, key: OutboxKey): void {
    for (const to of this.remove(lane, key) ?? []) this.remove(this.#lanes.get(laneName(lane.kind, to))!, key);
  }

  #enter(entry: Entry, to: string): void {
    const name = laneName(entry.kind, to);
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = { name, kind: entry.kind, destination: to, waiting: [], attempts: 0 };
      this.#lanes.set(name, lane);
      this.#ready.set(name, lane);
      if (entry.kind === "webhook" && to !== "") this.#endpoints.add(to);
    }
    // Only what is replayed is not the last.
    let at = lane.waiting.length;
    while (at > 0 && isBefore(entry, lane.waiting[at - 1]!)) at--;
    lane.waiting.splice(at, 0, entry);
  }

  #leave(lane: Lane, { eventId, n }: OutboxKey): Entry | undefined {
    const at = lane.waiting.findIndex((effect) => effect.eventId === eventId && effect.n === n);
    if (at < 0) return undefined;
    const [entry] = lane.waiting.splice(at, 1) as [Entry];
    entry.left.delete(lane.destination);
    if (lane.waiting.length === 0) {
      this.#lanes.delete(lane.name);
      this.#ready.delete(lane.name);
      if (lane.kind === "webhook") this.#endpoints.delete(lane.destination);
    }
    return entry;
  }
}

function laneName(kind: OutboxKind, destination: string): string {
  return `${kind}:${destination}`;
}

function isBefore(a: OutboxKey, b: OutboxKey): boolean {
  return a.eventId < b.eventId || (a.eventId === b.eventId && a.n < b.n);
}
