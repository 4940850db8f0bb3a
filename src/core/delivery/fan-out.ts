import type { Author, Failure } from "../../protocol/index.ts";
import type { EventRow } from "../../storage/port.ts";
import type { Environment } from "../environment.ts";
import { knownFailureOf } from "../failures.ts";
import { logRange, payloadOf } from "../fold.ts";
import type { Memory } from "../memory.ts";
import { describe } from "../ports.ts";
import { traceFailure } from "../refusal.ts";
import { Window } from "../window/window.ts";
import { ReadAccess } from "./access.ts";
import { draining, keysReplaced, tokenExpired, tokenRevoked } from "./endings.ts";
import type { Listener } from "./listener.ts";
import { dropPartOfBatch } from "./page.ts";

/** How many connections at least learn at once that a partition is not read-only any more, in which steps, and within which time. */
const announcedAtOnceMin = 10;
const announceMs = 100;
const announceMsMax = 30_000;

/** Delivers what is committed to the listeners of a partition, each event once and in order, and ends listeners. */
export class FanOut {
  readonly #environment: Environment;
  readonly #memory: Memory;
  /** Everything that the events of the log are delivered to. */
  readonly #listeners = new Set<Listener>();
  /** How many of them can vanish. */
  #vanishing = 0;
  /** The last event that was delivered to all listeners at the head; -1 before the first load. */
  #delivered = -1;
  /** Whether all committed events could be read at the last delivery. */
  #complete = true;
  /** The least that was delivered to a connection when a commit was in doubt, before an earlier hibernation. */
  #leastDelivered = Number.MAX_SAFE_INTEGER;
  #isRevoked: (author: Author) => boolean = () => false;
  /** The tags of keys that were in force in this lifetime of the object, and are not any more. */
  readonly #replacedKeys = new Set<string>();
  #keys: string | undefined;

  constructor(environment: Environment, memory: Memory) {
    this.#environment = environment;
    this.#memory = memory;
  }

  /** How many listeners there are. */
  get size(): number {
    return this.#listeners.size;
  }

  /** Whether there are listeners whose peers can vanish without a word. */
  get mayVanish(): boolean {
    return this.#vanishing > 0;
  }

  /** Why a token that was good when it was verified is refused now, as far as is known, or undefined. */
  refusal(author: Author): Failure | undefined {
    if (this.#isRevoked(author)) return tokenRevoked;
    return author.keys !== undefined && this.#replacedKeys.has(author.keys) ? keysReplaced : undefined;
  }

  /** Adds a listener: new, or woken from hibernation with what was kept of its cursor. */
  add(listener: Listener): void {
    this.#listeners.add(listener);
    if (listener.mayVanish) this.#vanishing++;
    const { delivered } = listener.cursor.state;
    if (delivered !== undefined) {
      this.#leastDelivered = Math.min(this.#leastDelivered, delivered);
      this.#delivered = Math.min(this.#delivered, delivered);
    }
    if (this.#memory.live) listener.cursor.resume(this.#memory.live.head.eventId);
  }

  remove(listener: Listener): void {
    if (this.#listeners.delete(listener) && listener.mayVanish) this.#vanishing--;
  }

  /** The log was loaded: at the first time the cursors of those that are there already find their positions. */
  loaded(head: number): void {
    if (this.#delivered >= 0) return;
    this.#delivered = Math.min(head, this.#leastDelivered);
    for (const { cursor } of this.#listeners) cursor.resume(head);
  }

  /** Ends the listeners whose tokens have expired. */
  expire(now: number): void {
    const window = new Window();
    this.#expire(window, now);
    this.flush(window, now);
  }

  /** Ends those of `concerned` whose tokens are revoked. From here on `refusal` says it of each new token, too. */
  revoke(isRevoked: (author: Author) => boolean, now: number, concerned: Iterable<Listener> = this.#listeners): void {
    this.#isRevoked = isRevoked;
    const window = new Window();
    for (const listener of concerned) {
      const { author } = listener;
      if (author && isRevoked(author)) this.#end(window, listener, tokenRevoked, now);
    }
    this.flush(window, now);
  }

  /**
   * Ends the listeners whose tokens other keys have verified than those of the tag `keys`. From here on `refusal` says it
   * of tokens that the keys before have verified; those of keys that were never in force here may be of a newer Worker.
   */
  endOthersThan(keys: string, now: number): void {
    if (this.#keys !== undefined && this.#keys !== keys) this.#replacedKeys.add(this.#keys);
    this.#keys = keys;
    this.#replacedKeys.delete(keys);
    const window = new Window();
    for (const listener of this.#listeners) {
      const verifiedBy = listener.author?.keys;
      if (verifiedBy !== undefined && verifiedBy !== keys) this.#end(window, listener, keysReplaced, now);
    }
    this.flush(window, now);
  }

  /**
   * Sends those who have asked for it whether the partition is read-only, where that has changed. That it ends is said to
   * some of many at a time: all of them send what they hold when they learn it.
   */
  announce(isReadOnly: () => boolean, now: number): void {
    const listeners = [...this.#listeners];
    const atOnce = Math.max(announcedAtOnceMin, Math.ceil((listeners.length * announceMs) / announceMsMax));
    const announce = (from: number, at: number): void => {
      const readOnly = isReadOnly();
      const to = readOnly ? listeners.length : from + atOnce;
      for (const listener of listeners.slice(from, to)) {
        if (this.#listeners.has(listener)) listener.announce(readOnly, at);
      }
      if (to < listeners.length) this.#environment.ports.defer((later) => announce(to, later), announceMs);
    };
    announce(0, now);
  }

  /** Ends every listener, each with a time to come back at. */
  drain(reconnectAfterMs: () => number, now: number): void {
    const window = new Window();
    for (const listener of this.#listeners) this.#end(window, listener, draining, now, reconnectAfterMs);
    this.flush(window, now);
  }

  /** Delivers what the window has brought, and every event that listeners at the head have not received yet. */
  flush(window: Window, now: number): void {
    const fresh = this.#undelivered(window, now);
    // A listener whose token has expired, or who may not read any more, ends instead of receiving them.
    if (fresh.length > 0) {
      this.#expire(window, now);
      this.#endUnauthorized(window, now);
    }
    window.flush(this.#listeners, fresh, now);
    if (!this.#complete) for (const listener of this.#listeners) listener.doubt();
  }

  /** Ends the listeners whose tokens have expired, when the window is delivered. */
  #expire(window: Window, now: number): void {
    for (const listener of this.#listeners) {
      if (listener.expiresAt <= now) this.#end(window, listener, tokenExpired, now);
    }
  }

  /** Ends the listeners whose right to read the events of a window have taken. */
  #endUnauthorized(window: Window, now: number): void {
    const { live } = this.#memory;
    if (!this.#environment.model.authorize || !live) return;
    const access = new ReadAccess(this.#environment, live);
    for (const listener of this.#listeners) {
      const { author, reads } = listener;
      const failure = author && reads ? access.failure(author) : undefined;
      if (failure) this.#end(window, listener, failure, now);
    }
  }

  #end(window: Window, listener: Listener, failure: Failure, now: number, reconnectAfterMs?: () => number): void {
    window.touch(listener);
    const where = { ports: this.#environment.ports, now };
    listener.end(traceFailure(failure, where, listener.traceId), reconnectAfterMs?.());
  }

  /**
   * The events after the last that was delivered. Mostly those of the window; more after a commit that
   * failed by what it said, and was there after all.
   */
  #undelivered(window: Window, now: number): readonly EventRow[] {
    const { name, ports } = this.#environment;
    let fresh: readonly EventRow[] = window.events;
    let read: EventRow[] | undefined;
    this.#complete = true;
    try {
      // After a failed commit at once from storage: no other call may come before the object hibernates.
      const { head } = this.#memory.load(now);
      if (head.eventId === this.#delivered) return [];
      if (fresh[0]?.eventId !== this.#delivered + 1) {
        fresh = read = [];
        for (const row of logRange(ports.storage, this.#delivered, head.eventId)) {
          payloadOf(row);
          read.push(row);
        }
      }
    } catch (error) {
      // The next window tries again: what listeners receive stays a contiguous run. What could be read is delivered.
      if (read) dropPartOfBatch(read);
      fresh = read ?? [];
      const known = knownFailureOf(error, { ...this.#environment, live: this.#memory.live, now });
      if (!known) ports.log("broadcast_failed", { ...name, error: describe(error) });
      this.#complete = false;
    }
    this.#delivered += fresh.length;
    return fresh;
  }
}
