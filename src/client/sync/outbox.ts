import { utf8Length } from "../../protocol/index.ts";
import type { QueueEntry } from "../stores/store.ts";

/** Limits for entries in flight, in number and in bytes: enough to keep a connection busy, few enough to be fair. */
const inFlightMax = 128;
const inFlightBytesMax = 512 * 1024;

interface Item {
  readonly entry: QueueEntry;
  readonly bytes: number;
  inFlight: boolean;
  /** Whether the server may have seen it. */
  sent: boolean;
  /** Whether its verdict has arrived, and waits for its events. */
  decided: boolean;
}

/**
 * The undecided entries in their order, and which of them are in flight. After a temporary refusal,
 * nothing is sent until all entries in flight are answered and the delay is over. Then all of them are
 * sent again, in order (docs/PROTOCOL.md, 4.10).
 */
export class Outbox {
  readonly #items = new Map<string, Item>();
  #inFlight = 0;
  #inFlightBytes = 0;
  #inFlightMax = inFlightMax;
  #held: { from: number; until: number } | undefined;

  get size(): number {
    return this.#items.size;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Nothing is sent before this time, in milliseconds since 1970. */
  get heldUntil(): number | undefined {
    return this.#held?.until;
  }

  /** The key of the entry that the server answers next. */
  get awaited(): string | undefined {
    for (const [key, { inFlight }] of this.#items) if (inFlight) return key;
    return undefined;
  }

  /** The server accepts at most `most` entries in flight. */
  limit(most: number): void {
    this.#inFlightMax = Math.min(inFlightMax, most);
  }

  /** Adds an entry at the end. `sent`: the server may have seen it before. */
  add(entry: QueueEntry, sent: boolean): void {
    if (this.#items.has(entry.key)) return;
    const bytes = utf8Length(JSON.stringify(entry.drafts));
    this.#items.set(entry.key, { entry, bytes, inFlight: false, sent, decided: false });
  }

  /** The entry with this key, if it is undecided. */
  get(key: string): QueueEntry | undefined {
    const item = this.#items.get(key);
    return item?.decided ? undefined : item?.entry;
  }

  /** Whether the server may have seen this entry. */
  wasSent(key: string): boolean {
    return this.#items.get(key)?.sent ?? false;
  }

  /** The keys that the server may have seen. */
  *sentKeys(): Iterable<string> {
    for (const [key, { sent }] of this.#items) if (sent) yield key;
  }

  /** The entries queued before `time`. */
  olderThan(time: number): QueueEntry[] {
    return [...this.#items.values()]
      .filter(({ entry, decided }) => !decided && entry.queuedAt < time)
      .map(({ entry }) => entry);
  }

  /** Whether at least `count` entries are neither decided nor in flight. */
  hasUnsent(count: number): boolean {
    for (const { inFlight, decided } of this.#items.values()) {
      if (!inFlight && !decided && --count <= 0) return true;
    }
    return false;
  }

  /** Returns the entries to send now. From now on they are in flight. */
  take(now: number): QueueEntry[] {
    if (this.#held) {
      // If the clock was set back, nothing must wait for it.
      const waits = now >= this.#held.from && now < this.#held.until;
      if (this.#inFlight > 0 || waits) return [];
      this.#held = undefined;
    }
    const taken: QueueEntry[] = [];
    for (const item of this.#items.values()) {
      if (item.inFlight || item.decided) continue;
      const full = this.#inFlight >= this.#inFlightMax || this.#inFlightBytes + item.bytes > inFlightBytesMax;
      if (full && this.#inFlight > 0) break;
      item.inFlight = item.sent = true;
      this.#inFlight++;
      this.#inFlightBytes += item.bytes;
      taken.push(item.entry);
    }
    return taken;
  }

  /** The verdict of the entry has arrived: it is not sent again, unless after `reopen`. */
  decide(key: string): void {
    this.#land(key);
    const item = this.#items.get(key);
    if (item) item.decided = true;
  }

  /** The log was replaced: verdicts of the old log that were not delivered do not apply. */
  reopen(): void {
    for (const item of this.#items.values()) item.decided = false;
  }

  /** The verdict of the entry was delivered. */
  remove(key: string): void {
    this.#land(key);
    this.#items.delete(key);
  }

  /** The entry was refused temporarily: it is sent again before any other, after at least `forMs`. */
  refuse(key: string, now: number, forMs: number): void {
    this.#land(key);
    this.#held = { from: now, until: Math.max(this.#held?.until ?? 0, now + forMs) };
  }

  /** The connection has ended: entries in flight may have arrived or not. */
  disconnect(): void {
    for (const item of this.#items.values()) item.inFlight = false;
    this.#inFlight = 0;
    this.#inFlightBytes = 0;
    this.#held = undefined;
  }

  #land(key: string): void {
    const item = this.#items.get(key);
    if (!item?.inFlight) return;
    item.inFlight = false;
    this.#inFlight--;
    this.#inFlightBytes -= item.bytes;
  }
}
