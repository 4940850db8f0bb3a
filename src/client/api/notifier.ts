import type { Ports } from "../transport/ports.ts";

/** After each change, calls the listeners once: when the turn is over, or a little later. */
export class Notifier {
  readonly #ports: Pick<Ports, "after" | "defer">;
  readonly #notify: () => void;
  #cancelDelay: (() => void) | undefined;
  #deferred = false;

  constructor(ports: Pick<Ports, "after" | "defer">, notify: () => void) {
    this.#ports = ports;
    this.#notify = notify;
  }

  /** `delayMs`: changes within this time are reported together. */
  changed(delayMs?: number): void {
    if (this.#cancelDelay || this.#deferred) return;
    if (delayMs === undefined) this.#defer();
    else this.#cancelDelay = this.#ports.after(delayMs, () => this.#run());
  }

  /** Ends a delay: the application has read the new state, so everything it shows must follow at once. */
  hasten(): void {
    if (!this.#cancelDelay) return;
    this.#cancelDelay();
    this.#cancelDelay = undefined;
    this.#defer();
  }

  #defer(): void {
    this.#deferred = true;
    this.#ports.defer(() => this.#run());
  }

  #run(): void {
    this.#cancelDelay = undefined;
    this.#deferred = false;
    this.#notify();
  }
}
