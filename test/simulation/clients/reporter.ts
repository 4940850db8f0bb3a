import type { Schedule } from "../schedule.ts";
import type { Trace } from "../trace.ts";

/** Reports the actions of a device, and its violations, with its name and the time. */
export class Reporter {
  readonly #name: string;
  readonly #schedule: Schedule;
  readonly #trace: Trace;

  constructor(name: string, schedule: Schedule, trace: Trace) {
    this.#name = name;
    this.#schedule = schedule;
    this.#trace = trace;
  }

  line(what: string): void {
    this.#trace.line(`${this.#schedule.now} ${this.#name} ${what}`);
  }

  violated(what: string): void {
    this.#trace.violated(`${this.#name}: ${what}`);
  }

  check(holds: boolean, what: () => string): void {
    if (!holds) this.violated(what());
  }
}
