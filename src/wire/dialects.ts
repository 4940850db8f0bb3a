import type { Dialect } from "./dialect.ts";

/** The dialects that a partition speaks. */
export class Dialects {
  readonly #all: readonly Dialect[];

  /** The last one is spoken with a connection whose first frame none of them recognises. */
  constructor(...all: readonly [Dialect, ...Dialect[]]) {
    this.#all = all;
  }

  /** The dialect of this name, as an attachment or a subprotocol has it. */
  named(name: string | undefined): Dialect | undefined {
    return this.#all.find((dialect) => dialect.name === name);
  }

  /** The dialect of a connection that has chosen none at its upgrade. */
  recognising(firstFrame: string | ArrayBuffer): Dialect {
    return this.#all.find((dialect) => dialect.recognises(firstFrame)) ?? this.last;
  }

  get last(): Dialect {
    return this.#all.at(-1)!;
  }

  /** Drops cached texts, which are shared by all connections that receive the same in one step. */
  forget(): void {
    for (const dialect of this.#all) dialect.forget();
  }
}
