import { utf8Length } from "../../protocol/index.ts";
import type { QueueEntry } from "../stores/store.ts";

/** Frames on their way without an answer, in number and in bytes: enough to keep a connection busy, few enough to be fair. */
const inFlightMax = 128;
const inFlightBytesMax = 512 * 1024;

interface Item {
  readonly entry: QueueEntry;
  readonly bytes: number;
  inFlight: boolean;
  /** Whether the server may have seen it. */
  sent: boolean;
  /** Whether its verdict is here, and waits for its events. */
  decided: boolean;
}

/**
 * The undecided entries in their order, and which of them are on their way. After a refusal that may
 * pass, nothing is sent until everything on its way is answered and the time to wait is over; then
 * all of it goes again, in order (docs/PROTOCOL.md, 4.10).
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

  /** Until when nothing is sent, once all answers are here; in milliseconds since 1970. */
  get heldUntil(): number | undefined {
    return this.#held?.until;
  }

  /** The key that is to be answered next. */
  get awaited(): string | undefined {
    for (const [key, { inFlight }] of this.#items) if (inFlight) return key;
    return undefined;
  }

  /** The server takes no more than `most` frames at once. */
  limit(most: number): void {
    this.#inFlightMax = Math.min(inFlightMax, most);
  }

  /** Puts an entry at the end. `sent`: the server may have seen it, in an earlier life. */
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

  /** Whether the server may have seen it. */
  wasSent(key: string): boolean {
    return this.#items.get(key)?.sent ?? false;
  }

  /** Keys whose outcome the server may know. */
  *sentKeys(): Iterable<string> {
    for (const [key, { sent }] of this.#items) if (sent) yield key;
  }

  /** The entries queued before `time`. */
  olderThan(time: number): QueueEntry[] {
    return [...this.#items.values()]
      .filter(({ entry, decided }) => !decided && entry.queuedAt < time)
      .map(({ entry }) => entry);
  }

  /** What is to be sent now: from then on it is on its way. */
  take(now: number): QueueEntry[] {
    if (this.#held) {
      // A clock that was set back must not keep anything waiting.
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

  /** Its verdict is here: it is not sent again, unless by `reopen`. */
  decide(key: string): void {
    this.#land(key);
    const item = this.#items.get(key);
    if (item) item.decided = true;
  }

  /** The log is another one: verdicts of the old one that nobody was told say nothing in it. */
  reopen(): void {
    for (const item of this.#items.values()) item.decided = false;
  }

  /** Decided and told, or given up. */
  remove(key: string): void {
    this.#land(key);
    this.#items.delete(key);
  }

  /** Refused for now: it stays, and goes again before any other, in `forMs` at the earliest. */
  refuse(key: string, now: number, forMs: number): void {
    this.#land(key);
    this.#held = { from: now, until: Math.max(this.#held?.until ?? 0, now + forMs) };
  }

  /** The connection is gone: what was on its way may have arrived or not. */
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
