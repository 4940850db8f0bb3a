import type { Dialect } from "./dialect.ts";

/** The dialects of a partition. */
export class Dialects {
  readonly #all: readonly Dialect[];

  /** The last dialect is that of a connection whose first frame none of them recognises. */
  constructor(...all: readonly [Dialect, ...Dialect[]]) {
    this.#all = all;
  }

  /** The dialect with this name, from an attachment or a subprotocol. */
  named(name: string | undefined): Dialect | undefined {
    return this.#all.find((dialect) => dialect.name === name);
  }

  /** The dialect of a connection that has not chosen one at its upgrade. */
  recognising(firstFrame: string | ArrayBuffer): Dialect {
    return this.#all.find((dialect) => dialect.recognises(firstFrame)) ?? this.last;
  }

  get last(): Dialect {
    return this.#all.at(-1)!;
  }

  /** Clears the cache of texts, which all connections share that receive the same in one step. */
  forget(): void {
    for (const dialect of this.#all) dialect.forget();
  }
}
