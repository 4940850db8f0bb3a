import { type Failure, bounds } from "../../protocol/index.ts";
import { retryAfterSeconds } from "../delivery/endings.ts";
import { costOfBytes } from "../cost.ts";
import type { Turns } from "./turns.ts";
import type { Processed } from "./window.ts";
import { declined, type Work } from "./work.ts";
import { estimateOf, WorkWeights } from "./work-weight.ts";

/** More arrivals than this within one timer window are load. Measured: docs/decisions/0002-windows.md. */
const directArrivalsMax = 8;

/** The timer of a window is set at this arrival, not at the first: what comes alone would pay a twentieth more for it. */
const timedArrivalsMin = directArrivalsMax / 2;

/** How much of what has arrived is left unread until the window, in bytes as it came. */
const unreadBytesMax = 1024 * 1024;

/** How many frames are decoded together where more have arrived than may be left unread. */
const decodedAtOnceMax = 64;

/** What the intake needs: a processor of work, and turns to do it in. */
export interface IntakeHost {
  /** How many listeners a window is delivered to. */
  readonly connections: number;
  readonly turns: Turns;
  /** Asked once for each window: whether nobody else has used the thread of late. */
  isAlone(): boolean;
  /** Does the work of one window, in order, until it has done `workMax` of work; one piece at least. Must not throw. */
  process(batch: readonly Work[], workMax: number): Processed;
}

/** Something that frames come from. */
export interface FrameSource {
  /** Decodes a frame. Returns the work that it asks for; undefined where it has none, or its work comes later. */
  read(frame: Frame, now: number): Work | undefined;
  /** So much waits already that not even a refusal of its work can be queued: the source has to end. */
  overflowed(): void;
}

/** A frame as it came: text, or bytes that no dialect accepts. */
export type Frame = string | ArrayBuffer;

/** A frame that was not decoded yet. */
interface Arrival {
  readonly source: FrameSource;
  readonly frame: Frame;
  readonly now: number;
}

interface Waiting {
  work: Work;
  /** What it takes in memory: the most that its text can become, or once `weighed` what it is. */
  bytes: number;
  weighed: boolean;
}

/** What waited, and is taken for a window. */
interface Taken {
  readonly connection: object | string;
  readonly waiting: Waiting;
}

/**
 * Adaptive group commit. While it is quiet each piece of work is its own window, done at once. When
 * more arrive within one timer window than a quiet partition has, they gather, and the timer does
 * them together: one transaction, one frame to each connection. The switch is made on arrival,
 * because a stream of arrivals keeps timers from running.
 *
 * Waiting connections have turns of one piece of work each, so that a flood delays
 * others by no more than its turns. Within a connection the order of arrival is kept.
 *
 * A window ends where its work has used up what as many ordinary events would take, and the rest waits for the
 * next one: other partitions share the thread. (docs/decisions/0015-turns.md)
 */
export class Intake {
  readonly #host: IntakeHost;
  /** What waits, by connection, in the order of turns. */
  #queues = new Map<object | string, Waiting[]>();
  #waiting = 0;
  #waitingBytes = 0;
  #weights = new WorkWeights();
  /** Whether each piece of work that waits was weighed. */
  #allWeighed = true;
  /** What has arrived and was not read yet, in order. */
  #unread: Arrival[] = [];
  #unreadBytes = 0;
  /** How many were unread when a window last looked whether it had all. */
  #unreadBefore = 0;
  #arrivals = 0;
  #gathering = false;
  #windowOpen = false;

  constructor(host: IntakeHost) {
    this.#host = host;
  }

  /** The turns that the work is done in. */
  get turns(): Turns {
    return this.#host.turns;
  }

  /**
   * Accepts a frame of `source`, which decodes it: at once while it is quiet; under load with the frames of its
   * window, because many in a row are decoded faster than each between two reads of sockets, and others are not
   * kept waiting meanwhile (measured: docs/decisions/0002-windows.md).
   */
  arrive(source: FrameSource, frame: Frame, now: number): void {
    if (this.#host.turns.exhausted) this.#gathering = true;
    if (!this.#gathering) {
      this.decode(source, frame, now);
      return;
    }
    this.#open();
    this.#unread.push({ source, frame, now });
    this.#unreadBytes += bytesOf(frame);
    if (this.#isFull(0)) this.#readUnread(decodedAtOnceMax);
  }

  /** Accepts the messages of one frame. While it is quiet they are one window, as far as it holds them. */
  arriveTogether(source: FrameSource, messages: readonly string[], now: number): void {
    if (this.#gathering || this.#host.turns.exhausted) {
      eachOf(messages, (message) => this.arrive(source, message, now));
      return;
    }
    this.#open();
    const arrivals = this.#arrivals + 1;
    // So that all of it waits in its place: what is asked for, and what waited until one of them proved what was read.
    this.#gathering = true;
    try {
      eachOf(messages, (message) => this.decode(source, message, now));
    } finally {
      this.#arrivals = arrivals;
      if (this.#waiting > 0) this.#process(bounds.windowUnitsMax);
      this.#gathering = arrivals > directArrivalsMax || this.#waiting > 0;
    }
  }

  /**
   * Decodes what has arrived of `source`: what comes by another way, as the end of a connection, comes after it. Throws
   * what decoding threw first; one frame that fails does not take the others with it.
   */
  read(source: FrameSource): void {
    const own = this.#unread.filter((arrival) => arrival.source === source);
    if (own.length === 0) return;
    this.#unread = this.#unread.filter((arrival) => arrival.source !== source);
    for (const { frame } of own) this.#unreadBytes -= bytesOf(frame);
    this.#decodeAll(own);
  }

  /** Has `source` decode a frame at once, ahead of what has arrived, and puts what it asks for into its window. */
  decode(source: FrameSource, frame: Frame, now: number): void {
    this.#host.turns.spend(costOfBytes(bytesOf(frame)));
    const work = source.read(frame, now);
    if (work && !this.offer(source, work, bytesOf(frame))) source.overflowed();
  }

  /**
   * Takes work of `connection` (anything that stands for one), decoded from text of `units` UTF-16 units. False: so
   * much waits already that not even refusals can be held; the connection has to end.
   */
  offer(connection: object | string, work: Work, units: number): boolean {
    const { turns } = this.#host;
    if (++this.#arrivals > directArrivalsMax || turns.exhausted) this.#gathering = true;
    if (this.#gathering || this.#arrivals >= timedArrivalsMin) this.#open();
    if (!this.#gathering) {
      turns.spend(this.#host.process([work], 0).work);
      return true;
    }
    const queue = this.#queues.get(connection) ?? [];
    if (queue.length >= 2 * bounds.queueWorkPerConnectionMax || this.#waiting >= 2 * bounds.queueWorkMax) return false;
    const waiting: Waiting = { work, bytes: estimateOf(units), weighed: false };
    const keeps = this.#fits(waiting);
    const full = !keeps || this.#waiting >= bounds.queueWorkMax || queue.length >= bounds.queueWorkPerConnectionMax;
    // A refusal waits its turn like everything else, so that answers keep their order.
    if (full) waiting.work = declined(work, overloaded, keeps);
    if (!keeps) waiting.bytes = 0;
    queue.push(waiting);
    this.#queues.set(connection, queue);
    this.#waiting++;
    this.#waitingBytes += waiting.bytes;
    if (!waiting.weighed) this.#allWeighed = false;
    return true;
  }

  /**
   * Whether there is memory for it. Work is weighed only when the estimates do not fit, and then until an eighth is free:
   * most of what waits is taken before it has to be weighed.
   */
  #fits(waiting: Waiting): boolean {
    const max = bounds.queueBytesMax;
    const fits = (most: number) => this.#waitingBytes + waiting.bytes <= most;
    if (fits(max)) return true;
    this.#weigh(waiting);
    if (this.#allWeighed) return fits(max);
    for (const queue of this.#queues.values()) {
      // The newest first: they wait longest.
      for (const each of queue.toReversed()) {
        if (each.weighed) continue;
        if (fits(max * 0.875)) return true;
        this.#waitingBytes -= each.bytes;
        this.#weigh(each);
        this.#waitingBytes += each.bytes;
      }
    }
    this.#allWeighed = true;
    return fits(max);
  }

  #weigh(waiting: Waiting): void {
    waiting.weighed = true;
    // What is refused without being kept is counted by number.
    if (waiting.bytes > 0) waiting.bytes = this.#weights.of(waiting.work);
  }

  /** Does everything that waits, at once. */
  flush(): void {
    const unread = this.#unread;
    this.#unread = [];
    this.#unreadBytes = 0;
    this.#decodeAll(unread);
    while (this.#waiting > 0) this.#process(Number.POSITIVE_INFINITY);
  }

  /** Whether more is unread than may be left so, after the first `read` frames. */
  #isFull(read: number): boolean {
    return this.#unread.length - read >= bounds.windowWorkMax || this.#unreadBytes > unreadBytesMax;
  }

  #decodeAll(arrivals: readonly Arrival[]): void {
    eachOf(arrivals, ({ source, frame, now }) => this.decode(source, frame, now));
  }

  #open(): void {
    if (this.#windowOpen) return;
    this.#windowOpen = true;
    this.#host.turns.later(() => this.#window());
  }

  #window(): void {
    if (this.#waitsForMore()) {
      this.#host.turns.later(() => this.#window());
      return;
    }
    this.#unreadBefore = 0;
    try {
      this.#readUnread(this.#unread.length);
    } finally {
      this.#work();
    }
  }

  /**
   * Whether the next window waits, because frames are still coming in, which the platform hands over one by one. What is
   * sent to many costs more than the few events in it.
   */
  #waitsForMore(): boolean {
    const before = this.#unreadBefore;
    const { length } = this.#unread;
    this.#unreadBefore = length;
    const { connections } = this.#host;
    const enough = Math.min(connections / bounds.windowListenersPerFrame, bounds.windowWorkMax);
    if (this.#waiting > 0 || length <= before || length >= enough) return false;
    const waitedMs = this.#unread[length - 1]!.now - this.#unread[0]!.now;
    return waitedMs < Math.floor(connections * bounds.windowWaitMsPerListener);
  }

  /** Decodes what has arrived, at most `count` frames and as much as a turn has time for; and what may not be left unread. */
  #readUnread(count: number): void {
    const { turns } = this.#host;
    let read = 0;
    let failure: { error: unknown } | undefined;
    for (; read < this.#unread.length; read++) {
      const goesOn = read === 0 || (read < count && !turns.exhausted);
      if (!goesOn && !this.#isFull(read)) break;
      const { source, frame, now } = this.#unread[read]!;
      this.#unreadBytes -= bytesOf(frame);
      try {
        this.decode(source, frame, now);
      } catch (error) {
        failure ??= { error };
      }
    }
    this.#unread.splice(0, read);
    if (failure) throw failure.error;
  }

  #work(): void {
    const busy = this.#arrivals > directArrivalsMax;
    this.#arrivals = 0;
    try {
      if (this.#waiting > 0) this.#process(bounds.windowUnitsMax);
    } finally {
      const more = this.#waiting > 0 || this.#unread.length > 0;
      this.#gathering = busy || more;
      this.#windowOpen = more;
      if (more) this.#host.turns.later(() => this.#window());
    }
  }

  /** Does the work of the next window, of at most `workMax`. */
  #process(workMax: number): void {
    const room = this.#room();
    const taken = this.#take(room);
    const batch = taken.map(({ waiting }) => waiting.work);
    const { done, work } = this.#host.process(batch, Math.min(room * bounds.windowUnitsPerWork, workMax));
    this.#host.turns.spend(work);
    if (done < taken.length) this.#putBack(taken.slice(done));
  }

  /** How many pieces of work the next window takes. */
  #room(): number {
    const least = this.#host.isAlone() ? bounds.windowWorkAloneMin : bounds.windowWorkMin;
    const wanted = least + bounds.windowWorkPerListener * this.#host.connections;
    return Math.min(wanted, bounds.windowWorkMax);
  }

  /** Takes the next window's work: one piece of each connection, and again, until it is full or all had their share. */
  #take(room: number): Taken[] {
    const taken: Taken[] = [];
    const all = [...this.#queues].map(([connection, queue]) => ({ connection, queue, taken: 0 }));
    // Who has more, in the order of their turns. Neither keys of the map nor items of a queue are moved for each piece.
    let round = all;
    for (let turn = 1; turn <= bounds.windowWorkPerConnectionMax && taken.length < room && round.length > 0; turn++) {
      const served: typeof round = [];
      let at = 0;
      for (; at < round.length && taken.length < room; at++) {
        const one = round[at]!;
        const waiting = one.queue[one.taken++]!;
        taken.push({ connection: one.connection, waiting });
        this.#waitingBytes -= waiting.bytes;
        if (one.taken < one.queue.length) served.push(one);
      }
      // Who had no turn in this round has the first one of the next window.
      round = [...round.slice(at), ...served];
    }
    for (const one of all) one.queue.splice(0, one.taken);
    this.#waiting -= taken.length;
    this.#queues = new Map(round.map(({ connection, queue }) => [connection, queue]));
    this.#weights = new WorkWeights();
    return taken;
  }

  /** Puts work that was not done in front of all that waits: its connections have their turns first. */
  #putBack(rest: readonly Taken[]): void {
    const queues = new Map<object | string, Waiting[]>();
    for (const { connection, waiting } of rest) {
      const queue = queues.get(connection);
      if (queue) queue.push(waiting);
      else queues.set(connection, [waiting]);
      this.#waiting++;
      this.#waitingBytes += waiting.bytes;
      if (!waiting.weighed) this.#allWeighed = false;
    }
    for (const [connection, queue] of this.#queues) {
      const first = queues.get(connection);
      if (first) first.push(...queue);
      else queues.set(connection, queue);
    }
    this.#queues = queues;
  }
}

/** Does `act` with each item. Throws what it threw first, at the end: one that fails does not take the others with it. */
function eachOf<Item>(items: readonly Item[], act: (item: Item) => void): void {
  let failure: { error: unknown } | undefined;
  for (const item of items) {
    try {
      act(item);
    } catch (error) {
      failure ??= { error };
    }
  }
  if (failure) throw failure.error;
}

/** How large a frame is, as far as the bounds of what waits are concerned. */
export function bytesOf(frame: Frame): number {
  return typeof frame === "string" ? frame.length : frame.byteLength;
}

/** The failure of work that does not fit into the queue. */
export const overloaded: Failure = {
  code: "overloaded",
  detail: "More is waiting here than can be held. Send the same again in a moment, and keep fewer drafts in flight.",
  retryAfter: retryAfterSeconds,
};
