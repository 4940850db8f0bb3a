import { useState } from "react";
import { call } from "../../data/calls.ts";
import { PagedTable, usePages } from "../../parts/pages.tsx";
import { DeadLetters } from "../dead-letters.tsx";

/** Partitions of a page: the server looks into each. */
interface WithLetters {
  partition: string;
  deadLetters: unknown[];
  next?: string;
  code?: string;
}

/** The partitions of the tenant in which effects were given up. `token`: reads again with another one. */
export function LettersView({ token }: { token: string | undefined }) {
  const [chosen, setChosen] = useState<string>();
  const pages = usePages<WithLetters>(token ?? "", async (after) => {
    const query = new URLSearchParams(after === undefined ? {} : { after: String(after) });
    const page = await call<{ partitions: WithLetters[]; next?: string }>(`/v1/dead-letters?${query}`);
    return { rows: page.partitions, next: page.next };
  });
  return (
    <>
      <section aria-label="Partitions with dead letters">
        <h2>Dead letters</h2>
        <p className="soft">
          Partitions that had some at their last report. What an endpoint did not take is at the endpoint.
        </p>
        <PagedTable
          label="Partitions with dead letters"
          none="No partition has dead letters."
          columns={["Partition", "Dead letters", "Note"]}
          pages={pages}
          nameOf={({ partition }) => partition}
          cells={({ partition, deadLetters, next, code }) => [
            <button key="open" type="button" className="link" onClick={() => setChosen(partition)}>
              {partition}
            </button>,
            `${deadLetters.length}${next === undefined ? "" : " and more"}`,
            code === undefined ? "" : `cannot be read now: ${code}`,
          ]}
        />
      </section>
      {chosen === undefined ? null : (
        <section aria-label={`Dead letters of ${chosen}`}>
          <h2>{chosen}</h2>
          <DeadLetters key={chosen} partition={chosen} />
        </section>
      )}
    </>
  );
}
