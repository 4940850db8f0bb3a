import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { rangeOf } from "../data/metrics.ts";

const height = 140;
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "short" });

/** One line over time. Its last value is in the text beside it, for who does not see the plot. */
export function Plot({ title, times, line }: { title: string; times: number[]; line: (number | null)[] }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const shown = useRef(times);
  shown.current = times;
  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const made = new uPlot(
      {
        width: box.current!.clientWidth,
        height,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          // Not from what uPlot gives: around a single reading it shows years.
          x: { range: () => rangeOf(shown.current, Date.now() / 1_000) },
          y: { range: (_, __, max) => [0, Math.max(max ?? 0, 1) * 1.1] },
        },
        axes: [
          { ...axis, values: (_, times) => times.map((at) => clock.format(at * 1_000)) },
          { ...axis, size: 50 },
        ],
        series: [{}, { stroke: colour("--accent"), width: 2, spanGaps: true }],
      },
      [[], []],
      box.current!,
    );
    plot.current = made;
    const resized = new ResizeObserver(([entry]) => made.setSize({ width: entry!.contentRect.width, height }));
    resized.observe(box.current!);
    return () => {
      resized.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData([times, line]), [times, line]);
  const last = line.findLast((each) => each !== null);
  return (
    <figure>
      <figcaption>
        {title}: <strong>{last === undefined || last === null ? "…" : Number(last.toPrecision(3))}</strong>
      </figcaption>
      <div ref={box} aria-hidden="true" />
    </figure>
  );
}
