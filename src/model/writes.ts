import type { Container } from "./journal.ts";
import type { State } from "./state.ts";
import type { StateWatcher } from "./watcher.ts";

/** What happened to one key of an object, or to one item of an array. */
export interface Write {
  readonly container: Container;
  /** Undefined: an item of an array. */
  readonly key: string | undefined;
  /** The value before, as it is in the state; undefined: there was none. */
  readonly old: unknown;
  /** The value after it. */
  value: unknown;
  /** The items beside it in the array, after the change. */
  readonly beside: readonly unknown[];
}

/** Runs `run`, and returns what it has written to `state`. */
export function writesOf(state: State<object>, run: () => unknown): Writes {
  const writes = new Writes();
  let usual: StateWatcher | undefined;
  state.seams.watch((inner) => {
    usual = inner;
    return {
      property(...change) {
        inner?.property(...change);
        writes.property(...change);
      },
      splice(...change) {
        inner?.splice(...change);
        writes.splice(...change);
      },
      added: (container) => inner?.added?.(container),
      released(containers) {
        writes.released(containers);
        return inner?.released?.(containers);
      },
      inspected: (container) => inner?.inspected?.(container),
    };
  });
  try {
    run();
  } finally {
    state.seams.watch(() => usual);
  }
  return writes;
}

/** What is written to a state, for undo. It refers to the containers of the state. */
export class Writes {
  readonly all: Write[] = [];
  /** Containers that were taken out of the state, and not put back in the same step. */
  readonly lost = new Set<unknown>();
  readonly #byKey = new Map<Container, Map<string, Write>>();

  property(container: Record<string, unknown>, key: string, old: unknown, value: unknown): void {
    let writes = this.#byKey.get(container);
    if (!writes) this.#byKey.set(container, (writes = new Map()));
    const known = writes.get(key);
    if (known) known.value = value;
    else {
      const write = { container, key, old, value, beside: [] };
      writes.set(key, write);
      this.all.push(write);
    }
  }

  splice(array: unknown[], at: number, removed: readonly unknown[], inserted: readonly unknown[]): void {
    const beside = [array[at - 1], array[at + inserted.length]];
    for (let item = 0; item < Math.max(removed.length, inserted.length); item++) {
      this.all.push({ container: array, key: undefined, old: removed[item], value: inserted[item], beside });
    }
  }

  released(containers: Set<object>): void {
    for (const container of containers) this.lost.add(container);
  }
}
