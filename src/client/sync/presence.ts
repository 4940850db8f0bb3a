import type { JsonObject } from "../../protocol/index.ts";
import type { Ports } from "../transport/ports.ts";

/** What we show of ourselves is sent at most this often; the last state always is. */
const intervalMs = 50;

/** Sends what others are to see of us: at once, and then no more often than they would be told. */
export class PresenceSender {
  readonly #ports: Pick<Ports, "after">;
  readonly #send: (state: JsonObject | null) => void;
  #state: JsonObject | null = null;
  #changed = false;
  #online = false;
  #cancel: (() => void) | undefined;

  constructor(ports: Pick<Ports, "after">, send: (state: JsonObject | null) => void) {
    this.#ports = ports;
    this.#send = send;
  }

  show(state: JsonObject | null): void {
    this.#state = state;
    this.#changed = true;
    this.#flush();
  }

  /** A connection is there, which has not been told anything yet. */
  begin(): void {
    this.#online = true;
    this.#changed ||= this.#state !== null;
    this.#flush();
  }

  stop(): void {
    this.#online = false;
    this.#changed = this.#state !== null;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #flush(): void {
    if (!this.#changed || !this.#online || this.#cancel) return;
    this.#changed = false;
    this.#send(this.#state);
    this.#cancel = this.#ports.after(intervalMs, () => {
      this.#cancel = undefined;
      this.#flush();
    });
  }
}
