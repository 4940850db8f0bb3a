/** An object or array inside a state, as it is in memory (never a proxy). */
export type Container = Record<string, unknown> | unknown[];

/** One way back: what must be done to take a change out of the state again. */
type Undo =
  | { kind: "property"; container: Record<string, unknown>; key: string; had: boolean; old: unknown }
  | { kind: "splice"; array: unknown[]; at: number; inserted: number; removed: unknown[] }
  | { kind: "run"; undo: () => void };

/** `Array.prototype.splice` takes its items as arguments, and engines bound their number. */
const spliceArgumentsMax = 8_192;

/** Replaces `deleted` items from `at` on by `items`, in place, for any number of items. */
export function spliceInPlace(array: unknown[], at: number, deleted: number, items: readonly unknown[]): unknown[] {
  const removed = array.splice(at, deleted, ...items.slice(0, spliceArgumentsMax));
  for (let from = spliceArgumentsMax; from < items.length; from += spliceArgumentsMax) {
    array.splice(at + from, 0, ...items.slice(from, from + spliceArgumentsMax));
  }
  return removed;
}

/** The changes since the last `forget`, newest last. Undoing costs what was touched, never a copy of the state. */
export class Journal {
  readonly #entries: Undo[] = [];
  readonly #onUndo: ((container: Container) => void) | undefined;
  /** Entries at the beginning that are final; they are dropped together when they are many. */
  #forgotten = 0;
  /** Entries dropped so far. */
  #dropped = 0;

  /** `onUndo` is told each container that an undo changes. */
  constructor(onUndo?: (container: Container) => void) {
    this.#onUndo = onUndo;
  }

  /** A position to undo to. Positions become invalid when the journal goes back behind them. */
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

  /** Takes back every change made after `position`, newest first. */
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

  /** Makes all changes before `position` permanent. Later positions stay as they are. */
  forgetTo(position: number): void {
    this.#forgotten = position - this.#dropped;
    // Dropped when they are half of all, so that each entry is moved a bounded number of times.
    if (this.#forgotten * 2 < this.#entries.length) return;
    this.#entries.splice(0, this.#forgotten);
    this.#dropped = position;
    this.#forgotten = 0;
  }

  /** Makes all changes so far permanent. Positions begin anew. */
  forget(): void {
    this.#entries.length = 0;
    this.#forgotten = 0;
    this.#dropped = 0;
  }
}
