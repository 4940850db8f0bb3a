import type { StorageWrites, Synchronous } from "../storage/port.ts";
import type { Environment } from "./environment.ts";
import { Live } from "./live.ts";
import { describe } from "./ports.ts";

/** What a partition has in memory of its storage, and the one way to write: the two never differ after a failure. */
export class Memory {
  readonly #environment: Environment;
  readonly #loaded: (live: Live) => void;
  #live: Live | undefined;

  /** `loaded`: called after each load. */
  constructor(environment: Environment, loaded: (live: Live) => void) {
    this.#environment = environment;
    this.#loaded = loaded;
  }

  /** Undefined before the first use, and after a failed commit: then it is rebuilt from storage. */
  get live(): Live | undefined {
    return this.#live;
  }

  /**
   * What is in memory; first makes the schema current and loads it, where it is not there.
   *
   * @throws LogCorrupt, MigrationError or an error of the storage; the next call tries again.
   */
  load(now: number): Live {
    if (!this.#live) {
      const { name, model, ports } = this.#environment;
      ports.storage.open(now);
      this.#live = new Live(ports.storage, model);
      const { fault } = this.#live.fold;
      if (fault) ports.log("error", "quarantined: the log cannot be folded", { ...name, error: describe(fault) });
      this.#loaded(this.#live);
    }
    return this.#live;
  }

  /** The one way to write. If it throws, memory may be ahead of storage, or behind it: it is dropped. */
  write<T>(now: number, body: (writes: StorageWrites) => Synchronous<T>): T {
    try {
      const result = this.#environment.ports.storage.transaction(now, body);
      this.#live?.fold.commit();
      return result;
    } catch (error) {
      this.#live = undefined;
      throw error;
    }
  }
}
