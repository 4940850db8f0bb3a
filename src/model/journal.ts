/** An object or array inside a state, as it is in memory (never a proxy). */
export type Container = Record<string, unknown> | unknown[];

/** How to undo one change of the state. */
type Undo =
  | { kind: "property"; container: Record<string, unknown>; key: string; had: boolean; old: unknown }
  | { kind: "splice"; array: unknown[]; at: number; inserted: number; removed: unknown[] }
  | { kind: "run"; undo: () => void };

/** `Array.prototype.splice` has its items as arguments, and engines bound their number. */
const spliceArgumentsMax = 8_192;

/** Replaces `deleted` items at `at` by `items`, in place, for any number of items. */
export function spliceInPlace(array: unknown[], at: number, deleted: number, items: readonly unknown[]): unknown[] {
  const removed = array.splice(at, deleted, ...items.slice(0, spliceArgumentsMax));
  for (let from = spliceArgumentsMax; from < items.length; from += spliceArgumentsMax) {
    array.splice(at + from, 0, ...items.slice(from, from + spliceArgumentsMax));
  }
  return removed;
}

/** The changes since the last `forget`, newest last. The cost of an undo is that of the changes, never a copy of the state. */
export class Journal {
  readonly #entries: Undo[] = [];
  readonly #onUndo: ((container: Container) => void) | undefined;
  /** The number of final entries at the beginning; they are dropped together when they are many. */
  #forgotten = 0;
  /** The number of entries dropped so far. */
  #dropped = 0;

  /** `onUndo` is called with each container that an undo changes. */
  constructor(onUndo?: (container: Container) => void) {
    this.#onUndo = onUndo;
  }

  /** A position to undo to. A position is invalid after an undo to an earlier one. */
  get position(): number {
    return this.#dropped + this.#entries.length;
  }

  property(container: Record<string, unknown>, key: string, had: boolean, old: unknown): void {
    this.#entries.push({ kind: "property", container, key, had, old });
  }

  splice(array: unknown[], at: number, inserted: number, removed: unknown[]): void {
    this.#entries.push({ kind: "splice", array, at, inserted, removed });
  }

  run(undo: () => void): void {
    this.#entries.push({ kind: "run", undo });
  }

  /** Undoes every change after `position`, newest first. */
  undoTo(position: number): void {
    while (this.position > position) {
      const entry = this.#entries.pop()!;
      switch (entry.kind) {
        case "property":
          this.#onUndo?.(entry.container);
          if (entry.had) entry.container[entry.key] = entry.old;
          else delete entry.container[entry.key];
          break;
        case "splice":
          this.#onUndo?.(entry.array);
          spliceInPlace(entry.array, entry.at, entry.inserted, entry.removed);
          break;
        case "run":
          entry.undo();
          break;
      }
    }
  }

  /** Makes all changes before `position` permanent. Later positions stay valid. */
  forgetTo(position: number): void {
    this.#forgotten = position - this.#dropped;
    // Dropped when they are at least half, so that each entry is moved a bounded number of times.
    if (this.#forgotten * 2 < this.#entries.length) return;
    this.#entries.splice(0, this.#forgotten);
    this.#dropped = position;
    this.#forgotten = 0;
  }

  /** Makes all changes permanent. Positions restart at 0. */
  forget(): void {
    this.#entries.length = 0;
    this.#forgotten = 0;
    this.#dropped = 0;
  }
}
