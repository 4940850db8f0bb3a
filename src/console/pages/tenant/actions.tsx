import { call } from "../../data/calls.ts";
import { PagedTable, usePages } from "../../parts/pages.tsx";
import { when } from "../../parts/when.ts";
import { hashOf } from "../../route.ts";

/** What an administrator has asked for. */
interface Noted {
  seq: number;
  at: number;
  principal: string;
  action: string;
  partition?: string;
  reason?: string;
  details?: Record<string, string | number | boolean>;
  traceId: string;
}

const pageRows = 50;

/** What administrators of the tenant have done, the latest first. `token`: reads again with another one. */
export function ActionsView({ token }: { token: string | undefined }) {
  const pages = usePages<Noted>(token ?? "", async (before) => {
    const query = new URLSearchParams({ limit: String(pageRows) });
    if (before !== undefined) query.set("before", String(before));
    const { actions, next } = await call<{ actions: Noted[]; next?: number }>(`/v1/audit?${query}`);
    return { rows: actions, next };
  });
  return (
    <section aria-label="Actions of administrators">
      <h2>Actions of administrators</h2>
      <PagedTable
        label="Actions of administrators"
        none="There are no actions yet."
        columns={["When", "Who", "What", "About", "Details", "Why", "Trace"]}
        pages={pages}
        nameOf={({ seq }) => String(seq)}
        cells={({ at, principal, action, partition, details = {}, reason, traceId }) => [
          when(at),
          principal,
          action,
          partition === undefined ? (
            "the tenant"
          ) : (
            <a key="partition" href={hashOf(partition)}>
              {partition}
            </a>
          ),
          Object.entries(details)
            .map(([name, value]) => `${name}: ${value}`)
            .join(", "),
          reason,
          <code key="trace" className="trace">
            {traceId}
          </code>,
        ]}
      />
    </section>
  );
}
