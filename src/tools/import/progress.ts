import type { Tally } from "./tally.ts";

const barWidth = 30;
/** The update interval of the bar. */
const barMs = 100;
/** The interval of lines without a terminal. */
const lineMs = 3_000;

/** The output of the progress: stderr, or a test double. */
export interface Screen {
  isTTY?: boolean;
  write(text: string): unknown;
}

/** Shows the progress of an import: a bar on a terminal, lines at an interval elsewhere. */
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

  /** Writes a line above the bar. */
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
