/** How often the story is shown; then it waits for the button. Nothing moves for ever in a window that nobody looks at. */
const roundsMax = 5;

/** Tells a story round after round, until it is paused. */
export class Show {
  readonly #button: HTMLButtonElement;
  readonly #paused: () => void;
  #playing = true;
  #wake: (() => void) | undefined;

  /** `paused` is called when it pauses. */
  constructor(button: HTMLButtonElement, paused: () => void) {
    this.#button = button;
    this.#paused = paused;
    button.addEventListener("click", () => (this.#playing ? this.pause() : this.#play()));
    document.addEventListener("visibilitychange", () => this.#wake?.());
  }

  pause(): void {
    if (!this.#playing) return;
    this.#playing = false;
    this.#button.textContent = "Play";
    this.#paused();
  }

  async run(round: () => Promise<void>): Promise<void> {
    for (let rounds = 1; ; rounds++) {
      await this.wait(0);
      await round();
      if (rounds % roundsMax === 0) this.pause();
    }
  }

  /** Resolves after `ms`, and not while it is paused or nobody can see it. */
  async wait(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
    while (!this.#playing || document.hidden) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #play(): void {
    this.#playing = true;
    this.#button.textContent = "Pause";
    this.#wake?.();
  }
}
