import type { Tally } from "./tally.ts";

const barWidth = 30;
/** How often the bar moves. */
const barMs = 100;
/** How often a line is written where there is no terminal. */
const lineMs = 3_000;

/** Where progress is shown: stderr, or a stand-in. */
export interface Screen {
  isTTY?: boolean;
  write(text: string): unknown;
}

/** Shows how far an import is: a bar on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #tally: Tally;
  readonly #screen: Screen;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(tally: Tally, screen: Screen) {
    this.#tally = tally;
    this.#screen = screen;
    this.#timer = setInterval(() => this.#show(), screen.isTTY ? barMs : lineMs);
  }

  /** Writes a line of its own, above the bar. */
  say(line: string): void {
    this.#screen.write(this.#screen.isTTY ? `\r\x1b[K${line}\n` : `${line}\n`);
  }

  /** Ends the display. Returns how long the import took, in seconds. */
  end(): number {
    clearInterval(this.#timer);
    this.#show();
    if (this.#screen.isTTY) this.#screen.write("\n");
    return this.#seconds;
  }

  get #seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  #show(): void {
    const { decided, total, committed, replayed } = this.#tally;
    const rate = Math.round(decided / this.#seconds);
    const counts = `${decided} of ${total} (${committed} new, ${replayed} known), ${rate} events/s`;
    if (!this.#screen.isTTY) {
      this.#screen.write(`${counts}\n`);
      return;
    }
    const filled = Math.floor((decided / total) * barWidth);
    this.#screen.write(`\r\x1b[K[${"#".repeat(filled)}${"-".repeat(barWidth - filled)}] ${counts}`);
  }
}
