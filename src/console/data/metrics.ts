/** One sample of `GET /metrics`. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

const line = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/;
const label = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g;

/** The samples of a text in Prometheus's format, in their order. */
export function samplesOf(text: string): Sample[] {
  const samples: Sample[] = [];
  for (const each of text.split("\n")) {
    const [, name, labels = "", value] = line.exec(each) ?? [];
    if (name === undefined) continue;
    const pairs = [...labels.matchAll(label)].map(
      ([, key, of]) => [key!, of!.replaceAll(/\\(.)/g, unescaped)] as const,
    );
    samples.push({ name, labels: Object.fromEntries(pairs), value: Number(value) });
  }
  return samples;
}

const unescaped = (_: string, char: string): string => (char === "n" ? "\n" : char);

/** The sum of all samples of a name. */
function sumOf(samples: readonly Sample[], name: string): number {
  return samples.reduce((sum, sample) => (sample.name === name ? sum + sample.value : sum), 0);
}

/** What is plotted: a gauge as it is, a counter as its increase a second. */
export const plotted = [
  { title: "Events a second", name: "partita_events_total", rate: true },
  { title: "Rejections a second", name: "partita_rejections_total", rate: true },
  { title: "Open connections", name: "partita_connections", rate: false },
  { title: "Rows written a second", name: "partita_rows_written_total", rate: true },
] as const;

/** Readings that are kept: an hour of them. */
const readingsMax = 360;

/** Readings over time: seconds since 1970, and a line for each plot. */
export interface Series {
  times: number[];
  lines: (number | null)[][];
  last: number[];
}

export const noSeries: Series = { times: [], lines: plotted.map(() => []), last: [] };

/** The series with one more reading. The first one of a counter has no rate. */
export function withReading(series: Series, samples: readonly Sample[], atSeconds: number): Series {
  const values = plotted.map(({ name }) => sumOf(samples, name));
  const seconds = atSeconds - (series.times.at(-1) ?? atSeconds);
  const lines = plotted.map(({ rate }, at) => {
    const before = series.last[at];
    const value = values[at]!;
    // A counter that is less than before was begun again.
    const point = !rate ? value : before === undefined || seconds <= 0 ? null : Math.max(value - before, 0) / seconds;
    return [...series.lines[at]!, point].slice(-readingsMax);
  });
  return { times: [...series.times, atSeconds].slice(-readingsMax), lines, last: values };
}

/** The shortest time that is shown. */
const spanSecondsMin = 600;

/** From when to when readings are shown, in seconds since 1970; `now`: where there are none. */
export function rangeOf(times: readonly number[], now: number): [from: number, to: number] {
  const to = times.at(-1) ?? now;
  return [Math.min(times[0] ?? to, to - spanSecondsMin), to];
}
