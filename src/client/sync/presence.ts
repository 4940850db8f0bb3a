import type { JsonObject } from "../../protocol/index.ts";
import type { Ports } from "../transport/ports.ts";

/** The shortest interval between two states that are sent. The last state is always sent. */
const intervalMs = 50;

/** Sends the presence of this client: the first state at once, later ones at most once per interval. */
export class PresenceSender {
  /** What others know the last connection by: the next one takes its place. */
  peerId: string | undefined;
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

  /** A new connection is online: nothing was sent on it yet. */
  begin(): void {
    this.#online = true;
    this.#changed ||= this.#state !== null;
    this.#flush();
  }

  /** The server did not show the state: sends it again in `ms`, unless it is on its way. */
  again(ms: number): void {
    this.#changed = true;
    this.#cancel?.();
    this.#wait(ms);
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
    this.#wait(intervalMs);
  }

  #wait(ms: number): void {
    this.#cancel = this.#ports.after(ms, () => {
      this.#cancel = undefined;
      this.#flush();
    });
  }
}
