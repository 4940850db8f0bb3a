import { createHash } from "node:crypto";

/** How many lines a report shows. */
const linesKept = 30;

/** The record of a run: a hash of all lines, and the last lines. */
export class Trace {
  readonly #hash = createHash("sha256");
  readonly #lines: string[] = [];
  #violation: string | undefined;

  /** The first violation. */
  get violation(): string | undefined {
    return this.#violation;
  }

  /** Adds a line; `bytes` are hashed, but not shown. */
  line(line: string, bytes = ""): void {
    this.#hash.update(line).update("\n").update(bytes);
    this.#lines.push(line);
    if (this.#lines.length > linesKept) this.#lines.shift();
  }

  /** Reports a violation. Does not throw: the code under test might catch it. */
  violated(what: string): void {
    if (this.#violation !== undefined) return;
    this.#violation = what;
    this.line(`VIOLATION ${what}`);
  }

  /** Reports `what` unless it holds. */
  check(holds: boolean, what: () => string): void {
    if (!holds) this.violated(what());
  }

  lastLines(): readonly string[] {
    return this.#lines;
  }

  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
