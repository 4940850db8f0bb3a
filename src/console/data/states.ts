import { CallFailed, pathOf, request } from "./calls.ts";
import type { Folded } from "./messages.ts";

/** States in memory, in number and in UTF-16 units of their texts; two are needed to compare. */
const statesMax = 32;
const unitsMax = 48 * 1024 * 1024;
const statesMin = 2;
/** How often a state is asked for that another operator keeps from being folded. */
const attemptsMax = 10;

interface Known {
  readonly state: Promise<unknown>;
  /** The length of its text, as soon as it is known. */
  units: number;
}

/** The states of one partition after events, as the server computes them. */
export class States {
  readonly #partition: string;
  readonly #progress: (folded: Folded) => void;
  /** The last used ones are at the end. */
  readonly #states = new Map<number, Known>();
  /** The server has one past state in memory at a time, and refuses a second one. */
  #turn: Promise<unknown> = Promise.resolve();

  /** `progress`: called while a state is folded that takes longer. */
  constructor(partition: string, progress: (folded: Folded) => void) {
    this.#partition = partition;
    this.#progress = progress;
  }

  /** The state after the event `at`; 0: before the first one. @throws CallFailed */
  at(at: number): Promise<unknown> {
    const known = this.#states.get(at);
    if (known) {
      this.#states.delete(at);
      this.#states.set(at, known);
      return known.state;
    }
    const state = this.#turn.then(() => this.#read(at));
    this.#turn = state.catch(() => {});
    this.#states.set(at, { state, units: 0 });
    state.catch(() => this.#states.delete(at));
    return state;
  }

  async #read(at: number): Promise<unknown> {
    const response = await this.#nearOrFar(at);
    const text = await response.text();
    const known = this.#states.get(at);
    if (known) known.units = text.length;
    this.#limit();
    return (JSON.parse(text) as { state: unknown }).state;
  }

  #limit(): void {
    let units = 0;
    for (const known of this.#states.values()) units += known.units;
    for (const [oldest, known] of this.#states) {
      if (this.#states.size <= statesMin || (this.#states.size <= statesMax && units <= unitsMax)) return;
      units -= known.units;
      this.#states.delete(oldest);
    }
  }

  /** A state that is near to a snapshot is there at once, for each reader; another one is folded for an operator. */
  async #nearOrFar(at: number): Promise<Response> {
    try {
      return await request(pathOf(this.#partition, `state?at=${at}`));
    } catch (error) {
      if (codeOf(error) !== "too_expensive") throw error;
      return await this.#far(at);
    }
  }

  async #far(at: number): Promise<Response> {
    for (let attempt = 1; ;) {
      if (!this.#isWanted(at)) throw new CallFailed({ title: "Another state was asked for." });
      try {
        const response = await request(pathOf(this.#partition, `inspect/state?at=${at}`));
        if (response.status !== 202) return response;
        this.#progress(((await response.json()) as { folded: Folded }).folded);
      } catch (error) {
        if (codeOf(error) !== "overloaded" || attempt++ === attemptsMax) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    }
  }

  /** Whether it is one of the last two that were asked for: who moves a slider does not wait for where it has been. */
  #isWanted(at: number): boolean {
    return [...this.#states.keys()].slice(-statesMin).includes(at);
  }
}

const codeOf = (error: unknown): string | undefined => (error instanceof CallFailed ? error.problem.code : undefined);
