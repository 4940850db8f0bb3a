/** How many dead letters there are; read from the storage where it matters, by `letterCount`. */
export class DeadLetterCount {
  #count: number | undefined;

  of(count: () => number): number {
    return (this.#count ??= count());
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
