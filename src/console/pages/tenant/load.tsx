import { useEffect, useState } from "react";
import { request } from "../../data/calls.ts";
import { noSeries, plotted, type Sample, samplesOf, withReading } from "../../data/metrics.ts";
import { Plot } from "../../parts/plot.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { hashOf } from "../../route.ts";

/** How often metrics are read: partitions report as often. */
const periodMs = 10_000;

/** From this share of a bound on it is worth a line. */
const fullMin = 0.01;

/** The tenant, as its metrics show it: load over time, the hottest partitions and the fullest. `token`: reads again with another one. */
export function LoadView({ token }: { token: string | undefined }) {
  const [series, setSeries] = useState(noSeries);
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    let current = true;
    setError(undefined);
    const read = async (): Promise<void> => {
      try {
        const found = samplesOf(await (await request("/metrics")).text());
        if (!current) return;
        setSamples(found);
        setSeries((before) => withReading(before, found, Date.now() / 1_000));
        setError(undefined);
      } catch (failure) {
        if (current) setError(failure);
      }
    };
    void read();
    const timer = setInterval(() => void read(), periodMs);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [token]);
  return (
    <section aria-label="Tenant">
      <h2>The tenant</h2>
      {error ? <ProblemNote error={error} /> : null}
      <div className="plots">
        {plotted.map(({ title }, at) => (
          <Plot key={title} title={title} times={series.times} line={series.lines[at]!} />
        ))}
      </div>
      <div className="plots">
        <Ranked
          title="Busiest partitions"
          none="No partition has had an event within a minute."
          samples={samples.filter(({ name, value }) => name === "partita_partition_events_per_second" && value > 0)}
          text={({ value }) => `${value} events a second`}
        />
        <Ranked
          title="Fullest partitions"
          none={`No partition has used ${fullMin * 100} % of a bound.`}
          samples={samples.filter(({ name, value }) => name === "partita_fullness" && value >= fullMin)}
          text={({ labels, value }) => `${labels["bound"]!.replaceAll("_", " ")}: ${(value * 100).toFixed(1)} %`}
        />
      </div>
    </section>
  );
}

function Ranked(props: { title: string; none: string; samples: readonly Sample[]; text(sample: Sample): string }) {
  const { title, none, samples, text } = props;
  return (
    <div>
      <h3>{title}</h3>
      {samples.length === 0 ? <p className="soft">{none}</p> : null}
      <ul>
        {samples
          .toSorted((a, b) => b.value - a.value)
          .map((sample) => (
            <li key={`${sample.labels["partition"]} ${sample.labels["bound"]}`}>
              <a href={hashOf(sample.labels["partition"])}>{sample.labels["partition"]}</a> {text(sample)}
            </li>
          ))}
      </ul>
    </div>
  );
}
