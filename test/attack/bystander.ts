import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Address } from "../bench/connection.ts";

export interface Watch {
  address: Address;
  /** How long to submit; 0: until `stop`. */
  ms: number;
}

/** A client of another partition and another tenant, in a process of its own: the attacker's work does not delay it. */
export class Bystander {
  readonly #child: ChildProcess = fork(fileURLToPath(new URL("bystander-process.ts", import.meta.url)), {
    execArgv: ["--disable-warning=ExperimentalWarning"],
  });
  readonly #address: Address;

  constructor(address: Address) {
    this.#address = address;
  }

  /** Submits while `body` runs. Returns the latency of each draft, in milliseconds. */
  async during(body: () => Promise<unknown>): Promise<number[]> {
    const running = once(this.#child, "message");
    this.#child.send({ address: this.#address, ms: 0 } satisfies Watch);
    await running;
    try {
      await body();
    } finally {
      this.#child.send("stop");
    }
    return this.#times();
  }

  /** Submits for `ms` milliseconds. */
  async quiet(ms: number): Promise<number[]> {
    const running = once(this.#child, "message");
    this.#child.send({ address: this.#address, ms } satisfies Watch);
    await running;
    return this.#times();
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }

  async #times(): Promise<number[]> {
    const [times] = (await once(this.#child, "message")) as [number[]];
    return times;
  }
}
