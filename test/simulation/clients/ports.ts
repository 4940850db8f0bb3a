import { createHash } from "node:crypto";
import type { Ports, Reachability, Socket, SocketEvents } from "../../../src/client/index.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";

/** What the ports of a program are made of. */
export interface PortsParts {
  readonly schedule: Schedule;
  readonly random: Random;
  /** What a delay is made of, from 0 to 1. */
  delay(): number;
  /** How far the device's clock is off, in milliseconds. */
  skewMs(): number;
  open(events: SocketEvents): Socket;
}

/** The platform of one program: when that ends, nothing of it happens any more. */
export class ProgramPorts implements Ports {
  readonly #parts: PortsParts;
  readonly #timers = new Map<object, { ms: number; cancel: () => void }>();
  #alive = true;
  /** Tells the client of the network, as the platform does. */
  reachability: Reachability | undefined;

  constructor(parts: PortsParts) {
    this.#parts = parts;
  }

  /** How long the timers run that are set. */
  get timers(): readonly number[] {
    return Array.from(this.#timers.values(), ({ ms }) => ms);
  }

  end(): void {
    this.#alive = false;
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  // Arrows, because the client takes some of them out.

  readonly now = (): number => this.#parts.schedule.epochNow + this.#parts.skewMs();

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = {};
    // Clocks show whole milliseconds.
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

  readonly open = (_: string, events: SocketEvents): Socket => this.#parts.open(events);

  readonly watch = (reachability: Reachability): (() => void) => {
    this.reachability = reachability;
    return () => (this.reachability = undefined);
  };

  readonly sha256 = async (text: string): Promise<string> => createHash("sha256").update(text).digest("hex");
}
