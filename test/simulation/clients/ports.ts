import { createHash } from "node:crypto";
import type { Ports, Reachability, Socket, SocketEvents } from "../../../src/client/index.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";

/** The parts of the ports of a program. */
export interface PortsParts {
  readonly schedule: Schedule;
  readonly random: Random;
  /** Random numbers for delays, from 0 to 1. */
  delay(): number;
  /** The error of the device's clock, in milliseconds. */
  skewMs(): number;
  /** `token`: as the protocols of the upgrade have it. */
  open(events: SocketEvents, token: string | undefined): Socket;
}

/** The platform of one program. After the program ends, it does nothing any more. */
export class ProgramPorts implements Ports {
  readonly #parts: PortsParts;
  readonly #timers = new Map<object, { ms: number; cancel: () => void }>();
  #alive = true;
  /** Reports changes of the network to the client, like the platform. */
  reachability: Reachability | undefined;

  constructor(parts: PortsParts) {
    this.#parts = parts;
  }

  /** The delays of the current timers. */
  get timers(): readonly number[] {
    return Array.from(this.#timers.values(), ({ ms }) => ms);
  }

  end(): void {
    this.#alive = false;
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  // Arrow functions, because the client calls some of them without `this`.

  readonly now = (): number => this.#parts.schedule.epochNow + this.#parts.skewMs();

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = {};
    // Clocks return whole milliseconds.
    const cancel = this.#parts.schedule.after(Math.ceil(ms), () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.set(timer, { ms, cancel });
    return () => {
      cancel();
      this.#timers.delete(timer);
    };
  };

  readonly defer = (run: () => void): void =>
    queueMicrotask(() => {
      if (this.#alive) run();
    });

  readonly random = (): number => this.#parts.delay();

  readonly bytes = (count: number): Uint8Array =>
    Uint8Array.from({ length: count }, () => this.#parts.random.between(0, 255));

  readonly open = (_: string, events: SocketEvents, [, bearer]: readonly string[]): Socket =>
    this.#parts.open(events, bearer?.slice("bearer.".length));

  readonly watch = (reachability: Reachability): (() => void) => {
    this.reachability = reachability;
    return () => (this.reachability = undefined);
  };

  readonly sha256 = async (text: string): Promise<string> => createHash("sha256").update(text).digest("hex");
}
