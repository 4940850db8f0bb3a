import { type Problem, utf8Length } from "../../protocol/index.ts";
import type { QueueEntry } from "../stores/store.ts";
import { type Held, longHoldMs } from "./status.ts";

/** Limits for entries in flight, in number and in bytes: enough to keep a connection busy, few enough to be fair. */
const inFlightMax = 128;
const inFlightBytesMax = 512 * 1024;
/** How many entries are marked as sent at once: about one transaction of a store. */
const markedMax = 256;
/** After this time, no frame of a connection that has ended arrives any more. */
const lateMs = 10_000;

interface Item {
  entry: QueueEntry;
  readonly bytes: number;
  inFlight: boolean;
  /** Whether the server may have seen it. */
  sent: boolean;
  /** Whether the server has not decided what it has seen of it, and will not. */
  refused: boolean;
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
  /** The first entry that was refused temporarily, until it is decided: the server decides no other one before it. */
  #held: Held | undefined;
  /** Nothing is sent in this time, since the last refusal. */
  #wait: { from: number; until: number } | undefined;
  /** When a connection has ended with entries in flight. */
  #lostAt = 0;

  get size(): number {
    return this.#items.size;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get held(): Held | undefined {
    return this.#held;
  }

  /** Nothing is sent before this time, in milliseconds since 1970. */
  get heldUntil(): number | undefined {
    return this.#wait?.until;
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

  /** Adds an entry at the end. `sent`: the server may have seen it before, until `now`. */
  add(entry: QueueEntry, sent: boolean, now: number): void {
    if (this.#items.has(entry.key)) return;
    const bytes = utf8Length(JSON.stringify(entry.drafts));
    this.#items.set(entry.key, { entry, bytes, inFlight: false, sent, refused: false, decided: false });
    if (sent) this.#lostAt = now;
  }

  /** The entry with this key, if it is undecided. */
  get(key: string): QueueEntry | undefined {
    const item = this.#items.get(key);
    return item?.decided ? undefined : item?.entry;
  }

  /** Whether the server has not decided this entry, and will not, unless it is sent (again). `replaced`: and does not wait for it. */
  canWithdraw(key: string, now: number, replaced?: true): boolean {
    const item = this.#items.get(key);
    if (!item || item.inFlight || item.decided || (replaced && this.#held?.key === key)) return false;
    return !item.sent || (item.refused && Math.abs(now - this.#lostAt) > lateMs);
  }

  /** The keys that the server may have seen. */
  *sentKeys(): Iterable<string> {
    for (const [key, { sent }] of this.#items) if (sent) yield key;
  }

  /** The entries that the server may have seen before `time`, by its own clock. */
  sentBefore(time: number): QueueEntry[] {
    return [...this.#items.values()]
      .filter(({ entry, sent, decided }) => sent && !decided && (entry.sentAt || entry.queuedAt) < time)
      .map(({ entry }) => entry);
  }

  /** The next entries that are stored as never sent, with the mark that the server may see them from `sentAt` on. */
  unmarked(sentAt: number): QueueEntry[] {
    const marked: QueueEntry[] = [];
    for (const { entry } of this.#items.values())
      if (entry.sentAt === 0 && marked.push({ ...entry, sentAt }) === markedMax) break;
    return marked;
  }

  /** The mark of these entries is stored. */
  mark(marked: readonly QueueEntry[]): void {
    for (const entry of marked) {
      const item = this.#items.get(entry.key);
      if (item) item.entry = entry;
    }
  }

  /** Whether at least `count` entries are neither decided nor in flight. */
  hasUnsent(count: number): boolean {
    for (const { inFlight, decided } of this.#items.values()) {
      if (!inFlight && !decided && --count <= 0) return true;
    }
    return false;
  }

  /** Returns the entries to send now, as far as they are marked. From now on they are in flight. */
  take(now: number): QueueEntry[] {
    if (this.#wait) {
      const { from, until } = this.#wait;
      // If the clock was set back, nothing must wait for it.
      if (this.#inFlight > 0 || (now >= from && now < until)) return [];
      this.#wait = undefined;
    }
    const taken: QueueEntry[] = [];
    for (const item of this.#items.values()) {
      if (item.inFlight || item.decided) continue;
      const full = this.#inFlight >= this.#inFlightMax || this.#inFlightBytes + item.bytes > inFlightBytesMax;
      if ((full && this.#inFlight > 0) || item.entry.sentAt === 0) break;
      item.inFlight = item.sent = true;
      item.refused = false;
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
    this.#release(key);
  }

  /** The log was replaced: verdicts of the old log that were not delivered do not apply. */
  reopen(): void {
    for (const item of this.#items.values()) item.decided = false;
  }

  /** The verdict of the entry was delivered. */
  remove(key: string): void {
    this.#land(key);
    this.#items.delete(key);
    this.#release(key);
  }

  /**
   * The entry was refused temporarily: it is sent again before any other, after at least `forMs`. `undecided`: the problem
   * shows that the server has not decided it.
   */
  refuse(key: string, problem: Problem, now: number, forMs: number, undecided: boolean): void {
    this.#land(key);
    const item = this.#items.get(key);
    if (item) item.refused = undecided;
    const until = Math.max(now + forMs, this.#wait?.until ?? 0);
    const before = this.#held;
    // Those behind the first one are refused with it.
    const first = this.#wait && before ? before : { ...problem, key };
    const since = (before?.key === first.key && before?.since) || now;
    this.#held = { ...first, since, until, long: until - since > longHoldMs };
    this.#wait = { from: now, until };
  }

  /** What has refused entries may have passed: the next `take` gives them again. */
  hurry(): void {
    if (this.#wait) this.#wait.until = 0;
  }

  /** The connection has ended: entries in flight may have arrived or not. */
  disconnect(now: number): void {
    if (this.#inFlight > 0) this.#lostAt = now;
    for (const item of this.#items.values()) item.inFlight = false;
    this.#inFlight = 0;
    this.#inFlightBytes = 0;
    this.#wait = undefined;
  }

  #release(key: string): void {
    if (this.#held?.key === key) this.#held = undefined;
  }

  #land(key: string): void {
    const item = this.#items.get(key);
    if (!item?.inFlight) return;
    item.inFlight = false;
    this.#inFlight--;
    this.#inFlightBytes -= item.bytes;
  }
}
