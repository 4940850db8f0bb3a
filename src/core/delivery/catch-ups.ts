import { bounds, type Failure } from "../../protocol/index.ts";
import type { Ports } from "../ports.ts";

/** How long it takes to read this many bytes, in milliseconds. */
const msFor = (bytes: number): number => (bytes * 1_000) / bounds.readBytesPerSecondOfPartition;

/** Who catches up. */
interface Reader {
  readonly principal: string;
  readonly clientId: string;
}

interface Turn {
  readonly principal: string;
  /** From when on, in milliseconds since 1970. */
  readonly at: number;
}

type CatchUpsPorts = Pick<Ports, "unread"> & { readonly random: Pick<Ports["random"], "fraction"> };

/**
 * Which clients catch up now. After an outage all of them come back, each for what it has missed: at most
 * `bounds.catchUpBytesMax` are under way, and the others are refused, each with a turn of its own. A client that comes
 * back in its turn goes before those that come later, so nobody starves. Nothing is stored: what is lost with the
 * object, all clients ask for again.
 */
export class CatchUps {
  readonly #ports: CatchUpsPorts;
  /** When all that has begun, or has a turn, will be read, in milliseconds since 1970. */
  #readAt = 0;
  /** In the order of their times. */
  readonly #turns = new Map<string, Turn>();
  readonly #turnsOf = new Map<string, number>();

  constructor(ports: CatchUpsPorts) {
    this.#ports = ports;
  }

  /**
   * Begins to catch up, with about `bytes` in the first message. Returns why that is refused, or undefined. Few bytes
   * are never refused: to refuse costs as much.
   */
  begin(reader: Reader, bytes: number, now: number): Failure | undefined {
    if (bytes <= bounds.catchUpBytesFree) return undefined;
    const unread = this.#ports.unread(now);
    // A clock that was set back must keep nobody away.
    if (this.#readAt > now + bounds.catchUpWaitMsMax + msFor(bounds.catchUpBytesMax)) this.#reset();
    this.#forget(now);
    // No principal and no client id has a space.
    const key = `${reader.principal} ${reader.clientId}`;
    const turn = this.#turns.get(key);
    if (turn) {
      const ms = Math.max(turn.at - now, msFor(unread - bounds.outstandingBytesMax));
      if (ms > 0) return busy(ms);
      this.#drop(key, turn);
      return undefined;
    }
    const needed = Math.min(bytes, bounds.catchUpBytesMax);
    const burstMs = msFor(bounds.catchUpBytesMax);
    const readAt = Math.max(this.#readAt, now + msFor(unread));
    const at = readAt + msFor(needed) - burstMs;
    if (at > now && !this.#mayWait(reader, at, now)) {
      return busy(bounds.catchUpWaitMsMax * (1 + this.#ports.random.fraction()));
    }
    this.#readAt = readAt + msFor(needed);
    if (at <= now) return undefined;
    this.#turns.set(key, { principal: reader.principal, at });
    this.#turnsOf.set(reader.principal, (this.#turnsOf.get(reader.principal) ?? 0) + 1);
    return busy(at - now);
  }

  #mayWait({ principal }: Reader, at: number, now: number): boolean {
    return (
      at - now <= bounds.catchUpWaitMsMax &&
      this.#turns.size < bounds.catchUpTurnsMax &&
      (this.#turnsOf.get(principal) ?? 0) < bounds.catchUpTurnsPerPrincipalMax
    );
  }

  #reset(): void {
    this.#readAt = 0;
    this.#turns.clear();
    this.#turnsOf.clear();
  }

  /** Drops the turns of those who have not come. */
  #forget(now: number): void {
    for (const [key, turn] of this.#turns) {
      if (turn.at + bounds.catchUpTurnMsMax > now) return;
      this.#drop(key, turn);
    }
  }

  #drop(key: string, { principal }: Turn): void {
    this.#turns.delete(key);
    const left = this.#turnsOf.get(principal)! - 1;
    if (left === 0) this.#turnsOf.delete(principal);
    else this.#turnsOf.set(principal, left);
  }
}

function busy(ms: number): Failure {
  return {
    code: "overloaded",
    detail: "Many clients catch up at the same time: connect again after retryAfter.",
    retryAfter: Math.ceil(ms / 1_000),
  };
}
