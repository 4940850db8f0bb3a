import type { Dialect, LogDialect } from "./dialect.ts";

/** The dialects of a partition. */
export class Dialects {
  readonly #all: readonly Dialect[];
  /** That of a connection whose first frame no other recognises, and of streams of the log. */
  readonly last: LogDialect;

  constructor(last: LogDialect, ...others: readonly Dialect[]) {
    this.last = last;
    this.#all = [...others, last];
  }

  /** The dialect with this name, from an attachment or a subprotocol. */
  named(name: string | undefined): Dialect | undefined {
    return this.#all.find((dialect) => dialect.name === name);
  }

  /** The dialect of a connection that has not chosen one at its upgrade. */
  recognising(firstFrame: string | ArrayBuffer): Dialect {
    return this.#all.find((dialect) => dialect.recognises(firstFrame)) ?? this.last;
  }

  /** Clears the cache of texts, which all connections share that receive the same in one step. */
  forget(): void {
    for (const dialect of this.#all) dialect.forget();
  }
}
