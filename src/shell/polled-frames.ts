import { bounds } from "../protocol/index.ts";
import type { SinkPorts } from "./event-sink.ts";
import type { FrameSink, FrameSinkEvents } from "./frame-sink.ts";

/** What one poll is given: frames, of which the first is number `from`, counted from 0. */
export interface Polled {
  from: number;
  frames: readonly string[];
  /** Set when the connection has ended, and these are its last frames. */
  end?: { code: number; reason: string };
}

/** A poll that waits. */
export interface Held {
  polled: Promise<Polled>;
  /** Answers it now. */
  release(): void;
}

/**
 * Frames that wait for the polls of their peer. Each frame is kept until a later poll says that it has arrived, so that
 * an answer that was lost is given again.
 */
export class PolledFrames implements FrameSink {
  readonly #ports: SinkPorts;
  readonly #events: FrameSinkEvents;
  /** The frames that have not arrived for certain. */
  #frames: string[] = [];
  #units = 0;
  /** The number of the first of them, and of the first that was in no answer yet. */
  #first = 0;
  #fresh = 0;
  #takenAt: number;
  #end: Polled["end"];
  /** Nothing more is given: its peer is gone, or has received the end. */
  #over = false;
  #finished = () => {};
  /** Answers the poll that waits. */
  #hold: ((polled: Polled) => void) | undefined;
  #cancelHold = () => {};
  #cancelGap = () => {};

  constructor(ports: SinkPorts, events: FrameSinkEvents) {
    this.#ports = ports;
    this.#events = events;
    this.#takenAt = ports.now();
  }

  get takenAt(): number {
    return this.#takenAt;
  }

  get waitingUnits(): number {
    return this.#units;
  }

  /** The peer polls, and has the frames before `received`. Returns false if that cannot be. */
  take(received: number): boolean {
    const arrived = received - this.#first;
    if (arrived < 0 || received > this.#fresh) return false;
    this.#takenAt = this.#ports.now();
    // What it brings may be refused, and then it asks for nothing.
    this.#awaitPoll();
    for (const frame of this.#frames.splice(0, arrived)) this.#units -= frame.length;
    this.#first = received;
    if (arrived > 0) this.#events.drained();
    return true;
  }

  /** Gives what waits: at once, or as soon as there is something, or after `holdMs`. An earlier poll that waits is answered, too. */
  poll(received: number, holdMs: number): Polled | Held {
    if (received < this.#fresh || this.#hasNews || holdMs === 0) return this.#next(received);
    this.release();
    this.#cancelGap();
    const polled = new Promise<Polled>((resolve) => (this.#hold = resolve));
    this.#cancelHold = this.#ports.timer(() => this.release(), holdMs);
    return { polled, release: () => this.release() };
  }

  /** Answers the poll that waits. */
  release(): void {
    const answer = this.#hold;
    this.#hold = undefined;
    this.#cancelHold();
    answer?.(this.#next(this.#fresh));
  }

  send(frame: string): boolean {
    if (this.#over) return true;
    if (this.#units > bounds.streamUnreadMax) return false;
    this.#frames.push(frame);
    this.#units += frame.length;
    this.#wake();
    return true;
  }

  end(code: number, reason: string): void {
    this.#end = { code, reason };
    this.#wake();
  }

  /** Its peer is gone. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.release();
    this.#cancelGap();
    this.#finished();
  }

  finished(run: () => void): void {
    if (this.#over) run();
    else this.#finished = run;
  }

  /** That the peer is gone is noticed by its missing polls. */
  keepAlive(): void {}

  get #hasNews(): boolean {
    return this.#end !== undefined || this.#fresh < this.#first + this.#frames.length;
  }

  /** Not in this turn: everything that it sends is one answer. */
  #wake(): void {
    void Promise.resolve().then(() => (this.#hasNews ? this.release() : undefined));
  }

  /** The next answer, with the frames from number `from` on. */
  #next(from: number): Polled {
    const polled: Polled = { from, frames: this.#some(from) };
    const to = from + polled.frames.length;
    this.#fresh = Math.max(this.#fresh, to);
    if (this.#end && to === this.#first + this.#frames.length) {
      polled.end = this.#end;
      this.close();
    }
    this.#awaitPoll();
    return polled;
  }

  /** Notices a peer that does not poll any more. */
  #awaitPoll(): void {
    this.#cancelGap();
    if (!this.#over && !this.#hold) this.#cancelGap = this.#ports.timer(() => this.#vanish(), bounds.pollGapMsMax);
  }

  #some(from: number): string[] {
    const start = from - this.#first;
    let units = 0;
    let at = start;
    while (at < this.#frames.length && units < bounds.polledUnitsMax) units += this.#frames[at++]!.length;
    return this.#frames.slice(start, at);
  }

  #vanish(): void {
    this.close();
    this.#events.disconnected();
  }
}
