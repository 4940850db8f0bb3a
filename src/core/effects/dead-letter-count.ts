import type { StorageReads } from "../../storage/port.ts";

/** How many dead letters there are; read from the storage where it matters. */
export class DeadLetterCount {
  #count: number | undefined;

  of(reads: StorageReads): number {
    return (this.#count ??= reads.deadLetters.totals().count);
  }

  /** One was added. */
  added(): void {
    if (this.#count !== undefined) this.#count++;
  }

  /** One was removed. */
  removed(): void {
    if (this.#count !== undefined) this.#count--;
  }
}
