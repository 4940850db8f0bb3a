import { overloaded, Refusal, type Steps, type Turns } from "../core/index.ts";
import { bounds } from "../protocol/index.ts";

/** What any read costs a turn beside its steps, in the units of `State.work`. */
const readCost = 16;

/** A read that waits for its turn. */
interface Read {
  /** Begins it. */
  begin(): Steps<void>;
  fail(error: unknown): void;
}

interface Begun {
  readonly steps: Steps<void>;
  fail(error: unknown): void;
}

/**
 * The reads over HTTP of one partition: one at a time, in as many turns as it takes, so that one page or replay is in
 * memory however many ask. A small one is answered at once while nothing waits. Principals have turns of one read each.
 */
export class Reads {
  readonly #turns: Turns;
  /** What waits, by principal, in the order of turns. */
  readonly #queues = new Map<string, Read[]>();
  #waiting = 0;
  #current: Begun | undefined;
  /** Whether the next part of them has a turn. */
  #scheduled = false;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /**
   * Does a read in its turn, and resolves with what it returns. `begin`: called when it is its turn.
   *
   * @throws Refusal where too many wait: one of the principal that has most, the newest. And what the read throws.
   */
  run<T>(principal: string, begin: () => Steps<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#waiting >= bounds.readsWaitingMax && !this.#displace(principal)) throw new Refusal(overloaded);
      const read: Read = {
        *begin() {
          resolve(yield* begin());
        },
        fail: reject,
      };
      const queue = this.#queues.get(principal);
      if (queue) queue.push(read);
      else this.#queues.set(principal, [read]);
      this.#waiting++;
      if (this.#scheduled) return;
      if (this.#turns.exhausted) this.#schedule();
      else this.#go();
    });
  }

  /** Refuses a read of the principal that has most, where `principal` has fewer. Returns whether there is one. */
  #displace(principal: string): boolean {
    const own = this.#queues.get(principal)?.length ?? 0;
    const most = [...this.#queues.values()].reduce((one, other) => (other.length > one.length ? other : one), []);
    if (most.length <= own + 1) return false;
    most.pop()!.fail(new Refusal(overloaded));
    this.#waiting--;
    return true;
  }

  #schedule(): void {
    this.#scheduled = true;
    this.#turns.later(() => this.#go());
  }

  /** Goes on until this turn has done its share, one step at least. */
  #go(): void {
    this.#scheduled = false;
    do {
      this.#current ??= this.#next();
      if (!this.#current) return;
      this.#step(this.#current);
    } while (!this.#turns.exhausted);
    if (this.#current || this.#waiting > 0) this.#schedule();
  }

  #step({ steps, fail }: Begun): void {
    try {
      const step = steps.next();
      this.#turns.spend(step.done ? readCost : step.value);
      if (!step.done) return;
    } catch (error) {
      this.#turns.spend(readCost);
      fail(error);
    }
    this.#current = undefined;
  }

  #next(): Begun | undefined {
    for (const [principal, queue] of this.#queues) {
      const { begin, fail } = queue.shift()!;
      this.#waiting--;
      this.#queues.delete(principal);
      if (queue.length > 0) this.#queues.set(principal, queue);
      return { steps: begin(), fail };
    }
    return undefined;
  }
}
