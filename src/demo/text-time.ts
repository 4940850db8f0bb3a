import { personOf } from "./names.ts";
import { counted, create, oncePerFrame, part } from "./page.ts";
import type { Life, Written } from "./text-life.ts";

/** How long playing takes at most, and each step of it. */
const playedMs = 8_000;
const stepMs = 40;
/** Authors who are named; and colours of those who have no pane (`demos.css`). */
const namedMax = 12;
const colors = 6;

const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** The text at the time that a slider says, with a colour for each author; and what plays its life. */
export class TimeView {
  readonly #life: Life;
  readonly #sides: ReadonlyMap<string, string>;
  readonly #slider = part(document, "time", HTMLInputElement);
  readonly #play = part(document, "play", HTMLButtonElement);
  readonly #moment = part(document, "moment");
  readonly #text = part(document, "written");
  readonly #authors = part(document, "authors");
  readonly #schedule = oncePerFrame(() => this.#draw());
  #timer: ReturnType<typeof setInterval> | undefined;
  /** It shows the newest text, as that changes. */
  #follows = true;

  /** `sides`: the panes, by client id. */
  constructor(life: Life, sides: ReadonlyMap<string, string>) {
    this.#life = life;
    this.#sides = sides;
    this.#slider.addEventListener("input", () => {
      this.#stop();
      this.#follows = this.#at === this.#last;
      this.#schedule();
    });
    this.#play.addEventListener("click", () => (this.#timer === undefined ? this.#start() : this.#stop()));
  }

  /** More was read. */
  changed(): void {
    this.#slider.max = String(this.#last);
    if (this.#follows) this.#at = this.#last;
    this.#schedule();
  }

  get #last(): number {
    return this.#life.changes.length;
  }

  get #at(): number {
    return Math.min(this.#slider.valueAsNumber, this.#last);
  }

  set #at(at: number) {
    this.#slider.valueAsNumber = at;
  }

  #start(): void {
    if (this.#at === this.#last) this.#at = 0;
    this.#follows = false;
    const step = Math.max(1, Math.ceil((this.#last * stepMs) / playedMs));
    this.#timer = setInterval(() => {
      this.#at = Math.min(this.#at + step, this.#last);
      this.#schedule();
      if (this.#at === this.#last) {
        this.#follows = true;
        this.#stop();
      }
    }, stepMs);
    this.#play.textContent = "Stop";
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#play.textContent = "Play";
  }

  #draw(): void {
    const at = this.#at;
    const change = this.#life.changes[at - 1];
    const moment = change
      ? `${at} of ${counted(this.#last, "change")}: ${personOf(change.author)}, ${time.format(change.timestamp)}`
      : `before ${counted(this.#last, "change")}`;
    if (this.#moment.textContent !== moment) this.#moment.textContent = moment;
    this.#slider.setAttribute("aria-valuetext", moment);
    const shown = this.#life.at(at);
    this.#text.replaceChildren(...runsOf(shown).map(({ text, by }) => this.#run(text, by)));
    this.#drawAuthors(shown);
  }

  #run(text: string, by: number): HTMLElement {
    const run = create("span", "run", text);
    const author = this.#life.authors[by - 1];
    if (author !== undefined) this.#mark(run, author, personOf(author));
    return run;
  }

  /** Gives what an author has written a colour. */
  #mark(element: HTMLElement, author: string, title: string): void {
    element.title = title;
    const side = this.#sides.get(author);
    if (side === undefined) element.dataset["other"] = String(this.#life.authors.indexOf(author) % colors);
    else element.dataset["pane"] = side;
  }

  #drawAuthors({ by }: Written): void {
    const counts = new Map<number, number>();
    for (let at = 0; at < by.length; at++) counts.set(by.charCodeAt(at), (counts.get(by.charCodeAt(at)) ?? 0) + 1);
    const largest = [...counts].sort(([, one], [, other]) => other - one);
    const items = largest.slice(0, namedMax).map(([number, count]) => {
      const author = this.#life.authors[number - 1];
      const item = create("li", "run", author === undefined ? "before" : personOf(author));
      if (author !== undefined) this.#mark(item, author, counted(count, "character"));
      return item;
    });
    if (largest.length > namedMax) items.push(create("li", "", `and ${largest.length - namedMax} more`));
    this.#authors.replaceChildren(...items);
  }
}

/** Neighbours that one author has written. */
function runsOf({ text, by }: Written): { text: string; by: number }[] {
  const runs: { text: string; by: number }[] = [];
  for (let from = 0; from < text.length;) {
    let to = from + 1;
    while (to < text.length && by[to] === by[from]) to++;
    runs.push({ text: text.slice(from, to), by: by.charCodeAt(from) });
    from = to;
  }
  return runs;
}
