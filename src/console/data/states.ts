import { call, pathOf } from "./calls.ts";

/** States in memory: the two that are compared, and what was looked at before. */
const statesMax = 4;

/** The states of one partition after events, as the server computes them. */
export class States {
  readonly #partition: string;
  /** The last used ones are at the end. */
  readonly #states = new Map<number, Promise<unknown>>();
  /** The server has one past state in memory at a time, and refuses a second one. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(partition: string) {
    this.#partition = partition;
  }

  /** The state after the event `at`; 0: before the first one. @throws CallFailed */
  at(at: number): Promise<unknown> {
    const known = this.#states.get(at);
    if (known) {
      this.#states.delete(at);
      this.#states.set(at, known);
      return known;
    }
    const loaded = this.#turn.then(() => this.#read(at));
    this.#turn = loaded.catch(() => {});
    this.#states.set(at, loaded);
    loaded.catch(() => this.#states.delete(at));
    for (const oldest of this.#states.keys()) {
      if (this.#states.size <= statesMax) break;
      this.#states.delete(oldest);
    }
    return loaded;
  }

  async #read(at: number): Promise<unknown> {
    return (await call<{ state: unknown }>(pathOf(this.#partition, `state?at=${at}`))).state;
  }
}
