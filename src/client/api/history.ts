import type { Compensation } from "../../model/index.ts";

/** How many own changes can be undone. */
const changesMax = 200;

/** Own changes that can be undone, newest last, with the drafts that undo them. */
export class History {
  #changes: { key: string; compensations: readonly Compensation[] }[] = [];

  get canUndo(): boolean {
    return this.#changes.length > 0;
  }

  add(key: string, compensations: readonly Compensation[]): void {
    this.#changes.push({ key, compensations });
    if (this.#changes.length > changesMax) this.#changes.shift();
  }

  /** The change was not accepted: there is nothing to undo. */
  forget(key: string): void {
    this.#changes = this.#changes.filter((change) => change.key !== key);
  }

  /** Removes the newest change, and returns its drafts. */
  pop(): readonly Compensation[] | undefined {
    return this.#changes.pop()?.compensations;
  }
}
