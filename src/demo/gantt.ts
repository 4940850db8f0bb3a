import type { Jobs } from "../models/jobs/index.ts";

/** The time that the picture shows, in milliseconds, and its height in pixels, as in its style. */
const spanMs = 60_000;
const height = 150;
const labelWidth = 50;
const barsMax = 200;
/** Bars that a worker can have above each other. */
const lanes = 2;

/** One attempt of a job. Times are milliseconds since 1970. */
interface Bar {
  readonly row: string;
  readonly job: string;
  readonly begun: number;
  readonly lane: number;
  ended: number | undefined;
}

/** Who has worked on what, and when, as the queue has seen it: a row for the workers whose names begin with its title. */
export class Gantt {
  readonly #svg = shape("svg", {});
  readonly #rows: readonly string[];
  readonly #bars = new Map<string, Bar>();

  constructor(within: HTMLElement, rows: readonly string[]) {
    this.#rows = rows;
    within.append(this.#svg);
  }

  follow({ jobs, workers }: Jobs, now: number): void {
    const running = new Set<string>();
    for (const [name, { jobs: held }] of Object.entries(workers)) {
      for (const [job, fence] of Object.entries(held)) {
        const key = String(fence);
        running.add(key);
        if (this.#bars.has(key)) continue;
        const row = name.slice(0, name.lastIndexOf("-"));
        if (!this.#rows.includes(row)) continue;
        const busy = new Set(
          [...this.#bars.values()].filter((bar) => bar.row === row && !bar.ended).map(({ lane }) => lane),
        );
        const lane = [...Array(lanes).keys()].find((each) => !busy.has(each)) ?? 0;
        this.#bars.set(key, { row, job, begun: jobs[job]?.at ?? now, lane, ended: undefined });
      }
    }
    for (const [key, bar] of this.#bars) {
      if (bar.ended === undefined && !running.has(key)) bar.ended = now;
      const isOld = bar.ended !== undefined && bar.ended < now - spanMs;
      if (isOld || this.#bars.size > barsMax) this.#bars.delete(key);
    }
    this.#draw(now);
  }

  #draw(now: number): void {
    const rows = this.#rows;
    const rowHeight = height / rows.length;
    // Not scaled: on a phone the words could not be read.
    const width = this.#svg.clientWidth;
    const x = (at: number) => labelWidth + ((at - now + spanMs) / spanMs) * (width - labelWidth);
    const shapes = rows.map((row, at) => {
      const label = shape("text", { x: 0, y: at * rowHeight + rowHeight / 2 + 4 });
      label.textContent = row;
      return label;
    });
    for (const { row, job, begun, ended, lane } of this.#bars.values()) {
      const from = Math.max(x(begun), labelWidth);
      const bar = shape("rect", {
        x: from,
        y: rows.indexOf(row) * rowHeight + 3 + (lane * (rowHeight - 6)) / lanes,
        width: Math.max(x(ended ?? now) - from, 2),
        height: (rowHeight - 8) / lanes,
        rx: 2,
        class: `bar ${job.split("-")[0]}${ended === undefined ? " open" : ""}`,
      });
      const title = shape("title", {});
      title.textContent = `${job}: ${(((ended ?? now) - begun) / 1_000).toFixed(1)} s`;
      bar.append(title);
      shapes.push(bar);
    }
    this.#svg.replaceChildren(...shapes);
  }
}

function shape(
  tag: "svg" | "rect" | "text" | "title",
  attributes: Readonly<Record<string, string | number>>,
): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
