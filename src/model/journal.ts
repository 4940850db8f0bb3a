/** An object or array inside a state, as it is in memory (never a proxy). */
export type Container = Record<string, unknown> | unknown[];

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
  #entries: (() => void)[] = [];

  /** A position to undo to. A position is invalid after an undo to an earlier one. */
  get position(): number {
    return this.#entries.length;
  }

  /** Adds a change by how to undo it. */
  run(undo: () => void): void {
    this.#entries.push(undo);
  }

  /** Undoes every change after `position`, newest first. */
  undoTo(position: number): void {
    while (this.position > position) this.#entries.pop()!();
  }

  /** Takes all changes out of the journal. Returns how to undo them. */
  take(): () => void {
    const entries = this.#entries;
    this.#entries = [];
    return () => {
      for (let at = entries.length; at-- > 0;) entries[at]!();
    };
  }

  /** Makes all changes permanent. Positions restart at 0. */
  forget(): void {
    this.#entries.length = 0;
  }
}
