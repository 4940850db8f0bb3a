import type { Socket, SocketEvents } from "../../../src/client/index.ts";
import { type End, Pipe, type ServerFrame, type ServerLink } from "../link.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";
import type { Trace } from "../trace.ts";
import type { Asked } from "../wire.ts";
import { askedBy } from "./asked.ts";

/** The heartbeat, which the platform answers, and its answer. */
const heartbeat = '{"type":"heartbeat"}';

/** The behaviour of a network: delays in milliseconds, and the probability of each fault for each frame. */
export interface NetworkConditions {
  latencyMsMax: number;
  /** The delay until a side notices the end of the connection, if it does. */
  noticeMsMax: number;
  /** The delay of a frame, and of the frames behind it. */
  stallMsMax: number;
  /** The probability that a side never notices. */
  unnoticed: number;
  faults: Readonly<Record<FrameFault, number>>;
}

const frameFaults = ["drop", "duplicate", "truncate", "stall"] as const;
export type FrameFault = (typeof frameFaults)[number];

/** The parts of a connection. */
export interface ConnectionParts {
  readonly name: string;
  readonly random: Random;
  readonly schedule: Schedule;
  readonly trace: Trace;
  /** The current network: it may change. */
  readonly conditions: NetworkConditions;
  /** The events for the client. */
  readonly events: SocketEvents;
  /** Changes a frame before the client gets it, for a planted bug. */
  readonly tamper: (frame: string) => string;
  /** A frame of the client was lost or damaged. */
  onDamaged(): void;
}

/**
 * One WebSocket of the production client through a proxy that drops, duplicates, truncates and delays
 * frames. The other frames keep their order. Each side notices the end of the connection at its own time.
 */
export class Connection implements ServerLink, Socket {
  readonly name: string;
  readonly exclusive = false;
  lastHeartbeatAt = 0;
  readonly #parts: ConnectionParts;
  readonly #up: Pipe<string>;
  /** Pending work at the client's end. */
  readonly #down: Pipe<() => void>;
  #cut = false;

  constructor(parts: ConnectionParts) {
    const { name, random, schedule, conditions, events } = parts;
    this.#parts = parts;
    this.name = name;
    this.#up = new Pipe(random, schedule, conditions);
    this.#down = new Pipe(random, schedule, conditions);
    this.#down.end = { receive: (run) => run(), closed: () => events.closed(1006, "") };
  }

  // — the server's end

  attachServer(end: End<Asked>): void {
    this.#up.end = {
      receive: (frame) => {
        if (frame === heartbeat) {
          this.lastHeartbeatAt = this.#parts.schedule.serverNow;
          this.#toClient(heartbeat);
        } else end.receive(askedBy(frame));
      },
      closed: () => end.closed(),
    };
  }

  /** Whether it has ended before the server has accepted it. */
  get isCut(): boolean {
    return this.#cut;
  }

  fromServer({ text }: Pick<ServerFrame, "text">): void {
    this.#toClient(text);
  }

  closeFromServer(lossy: boolean): void {
    if (lossy) this.#up.end = undefined;
    if (this.#cut) return;
    if (lossy) this.cut();
    else this.#down.send("closed");
  }

  /** The server has accepted the connection. */
  opened(): void {
    if (!this.#cut) this.#down.send(() => this.#parts.events.opened());
  }

  // — the client's end

  send(text: string): void {
    if (this.#cut) return;
    const { onDamaged } = this.#parts;
    const { frames, stallMs, fault } = this.#mangled(text, ">");
    if (fault === "drop" || fault === "truncate") onDamaged();
    for (const frame of frames) this.#up.send(frame, stallMs);
  }

  close(): void {
    this.#down.end = undefined;
    if (!this.#cut) this.#up.send("closed");
  }

  // — the network

  /** The network fails, with the frames in flight. Each side may notice late, or never. */
  cut(): void {
    if (this.#cut) return;
    const { random, conditions } = this.#parts;
    this.#cut = true;
    this.#up.cut(!random.chance(conditions.unnoticed));
    this.#down.cut(!random.chance(conditions.unnoticed));
  }

  /** The network works again, so both sides notice the end of this connection. */
  heal(): void {
    this.#cut = true;
    this.#up.cut(true);
    this.#down.cut(true);
  }

  #toClient(text: string): void {
    if (this.#cut) return;
    const { events, tamper } = this.#parts;
    const { frames, stallMs } = this.#mangled(tamper(text), "<");
    for (const frame of frames) this.#down.send(() => events.received(frame), stallMs);
  }

  #mangled(frame: string, way: string): { frames: string[]; stallMs: number; fault: FrameFault | undefined } {
    const { random, conditions, trace, schedule } = this.#parts;
    const fault = frameFaults.find((candidate) => {
      const rate = conditions.faults[candidate];
      return rate > 0 && random.chance(rate);
    });
    if (fault) trace.line(`${schedule.now} ${this.name} ${way} ${fault}: ${frame.slice(0, 80)}`);
    switch (fault) {
      case undefined:
        return { frames: [frame], stallMs: 0, fault };
      case "drop":
        return { frames: [], stallMs: 0, fault };
      case "duplicate":
        return { frames: [frame, frame], stallMs: 0, fault };
      case "truncate":
        return { frames: [frame.slice(0, random.between(0, frame.length - 1))], stallMs: 0, fault };
      case "stall":
        return { frames: [frame], stallMs: random.between(0, conditions.stallMsMax), fault };
    }
  }
}
