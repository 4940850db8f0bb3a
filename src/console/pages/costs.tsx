import { call, pathOf } from "../data/calls.ts";
import { useLoaded } from "../parts/loaded.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { useSession } from "../session.tsx";
import { figureOf } from "../parts/figure.ts";

interface DayCost {
  day: string;
  billedRequests: number;
  gigabyteSeconds: number;
  rowsRead: number;
  rowsWritten: number;
  storedBytes: number;
  events: number;
}

const columns = [
  ["billedRequests", "Requests"],
  ["gigabyteSeconds", "GB-s"],
  ["rowsRead", "Rows read"],
  ["rowsWritten", "Rows written"],
  ["storedBytes", "Stored"],
  ["events", "Events"],
] as const;

/** What the partition has used of what the platform bills, by day. */
export function CostsView() {
  const { partition } = useSession();
  const { value, error } = useLoaded("costs", () => call<{ costs: DayCost[] }>(pathOf(partition, "costs")));
  return (
    <section className="panel" aria-label="Costs">
      <h2>What it costs</h2>
      <p className="soft">
        What its object has used of what the platform bills, by day (UTC). 20 messages of WebSockets are one request.
        The time is the least that is billed.
      </p>
      {error ? <ProblemNote error={error} /> : null}
      {value && value.costs.length === 0 ? <p role="status">Nothing was reported yet.</p> : null}
      {value && value.costs.length > 0 ? (
        <div className="wide" tabIndex={0} role="region" aria-label="Costs by day">
          <table>
            <thead>
              <tr>
                <th scope="col">Day</th>
                {columns.map(([name, title]) => (
                  <th key={name} scope="col" className="figure">
                    {title}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {value.costs.map((cost) => (
                <tr key={cost.day}>
                  <th scope="row">{cost.day}</th>
                  {columns.map(([name]) => (
                    <td key={name} className="figure">
                      {figureOf(name, cost[name])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </section>
  );
}
