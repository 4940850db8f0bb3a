import type { Ports } from "../transport/ports.ts";
import type { Token } from "./options.ts";

/**
 * Less time than this is too short for another attempt. A timer runs for at most 24 days, so a token
 * that is valid for longer is renewed once a day.
 */
const renewalMsMin = 5_000;
const renewalMsMax = 24 * 60 * 60 * 1_000;

/** Renews the token of one connection before it expires. */
export class Renewal {
  readonly #ports: Pick<Ports, "after" | "random">;
  readonly #token: Token | undefined;
  readonly #send: (token: string) => void;
  #cancel = () => {};

  constructor(ports: Pick<Ports, "after" | "random">, token: Token | undefined, send: (token: string) => void) {
    this.#ports = ports;
    this.#token = token;
    this.#send = send;
  }

  /** The token expires in `leftMs`, by the clock of the server: the clock here may be wrong. */
  schedule(leftMs: number): void {
    this.#cancel();
    if (!this.#token || leftMs < renewalMsMin) return;
    const delayMs = Math.min(leftMs * (0.7 + 0.2 * this.#ports.random()), renewalMsMax);
    this.#cancel = this.#ports.after(delayMs, () => {
      // In case this attempt fails.
      this.schedule(leftMs - delayMs);
      void this.#renew();
    });
  }

  stop(): void {
    this.#cancel();
  }

  async #renew(): Promise<void> {
    try {
      this.#send(await this.#token!());
    } catch {
      // The next attempt asks for a token again.
    }
  }
}
