import { call, pathOf } from "../data/calls.ts";
import { useLoaded } from "../parts/loaded.ts";
import { PagedTable, usePages } from "../parts/pages.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { when } from "../parts/when.ts";
import { hashOf } from "../route.ts";
import { useSession } from "../session.tsx";
import { DeadLetters } from "./dead-letters.tsx";
import type { Overview } from "./overview.ts";

interface Timer {
  key: string;
  dueAt: number;
  type: string;
  payload?: unknown;
  recurs?: { cron: string; timeZone: string };
  attempts: number;
}

/** What the partition has to do: effects by destination, jobs, timers, and effects that were given up. */
export function WorkView() {
  const { partition } = useSession();
  const overview = useLoaded("overview", () => call<Overview>(pathOf(partition, "inspect")));
  return (
    <div className="cards one">
      {overview.error ? <ProblemNote error={overview.error} /> : null}
      {overview.value ? <Waiting overview={overview.value} /> : null}
      <Timers />
      <section className="panel" aria-label="Dead letters">
        <h2>Dead letters</h2>
        <DeadLetters partition={partition} />
      </section>
    </div>
  );
}

function Waiting({ overview: { lanes, lanesTotal, jobs, jobsTotal } }: { overview: Overview }) {
  const { partition } = useSession();
  return (
    <>
      <section className="panel" aria-label="Effects">
        <h2>Effects that wait: {lanesTotal} destinations</h2>
        {lanes.length === 0 ? <p className="soft">No effect waits.</p> : null}
        {lanes.length === 0 ? null : (
          <div className="wide" tabIndex={0} role="region" aria-label="Effects by destination">
            <table>
              <thead>
                <tr>
                  <th scope="col">To</th>
                  <th scope="col">Wait</th>
                  <th scope="col">The first is of</th>
                  <th scope="col">Failed attempts</th>
                  <th scope="col">Next attempt</th>
                </tr>
              </thead>
              <tbody>
                {lanes.map(({ name, waiting, firstEventId, attempts, parked, nextAt }) => (
                  <tr key={name}>
                    <td>{name}</td>
                    <td>{waiting}</td>
                    <td>
                      {firstEventId === undefined ? null : (
                        <a href={hashOf(partition, "log", { event: String(firstEventId) })}>event {firstEventId}</a>
                      )}
                    </td>
                    <td>{attempts}</td>
                    <td>{parked ? when(nextAt) : "now"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
      <section className="panel" aria-label="Jobs">
        <h2>Jobs: {jobsTotal}</h2>
        <ul>
          {jobs.map(({ kind, key, dueAt, attempts }) => (
            <li key={`${kind} ${key}`}>
              <code>{key === "" ? kind : `${kind} ${key}`}</code>, due {when(dueAt)}
              {attempts > 0 ? `, ${attempts} failed attempts` : ""}
            </li>
          ))}
        </ul>
      </section>
    </>
  );
}

function Timers() {
  const { partition } = useSession();
  const pages = usePages<Timer>("timers", async (after) => {
    const page = await call<{ timers: Timer[]; next?: number }>(
      pathOf(partition, `inspect/timers?after=${after ?? 0}`),
    );
    return { rows: page.timers, next: page.next };
  });
  return (
    <section className="panel" aria-label="Timers">
      <h2>Timers</h2>
      <PagedTable
        label="Timers"
        none="No timer is set."
        columns={["Due", "Key", "Submits", "Again", "Failed attempts"]}
        pages={pages}
        nameOf={({ key }) => key}
        cells={({ dueAt, key, type, payload, recurs, attempts }) => [
          when(dueAt),
          key,
          <code key="draft">
            {type} {payload === undefined ? "(damaged)" : JSON.stringify(payload).slice(0, 160)}
          </code>,
          recurs ? `${recurs.cron} ${recurs.timeZone}` : "",
          attempts,
        ]}
      />
    </section>
  );
}
