import { type FormEvent, useState } from "react";
import type { Problem } from "../../protocol/index.ts";
import { call, pathOf } from "../data/calls.ts";
import { PagedTable, usePages } from "../parts/pages.tsx";
import { hashOf, replaceQuery, type Route } from "../route.ts";
import { useSession } from "../session.tsx";

interface Rejection {
  recordId: number;
  principal: string;
  draftId: string;
  timestamp: number;
  judgedAt?: number;
  problem?: Partial<Problem> | { timestamp: number; results: BatchResult[] };
}

interface BatchResult {
  kind: "rejected" | "not_processed";
  draftId: string;
  problem?: Partial<Problem>;
}

const fields = [
  ["traceId", "Trace id"],
  ["draftId", "Draft or batch id"],
  ["principal", "Principal"],
] as const;

/** The stored rejections: by trace id, key or principal, each explained. */
export function RejectionsView({ route }: { route: Route }) {
  const { partition } = useSession();
  const asked = fields
    .map(([name]) => [name, route.query.get(name) ?? ""] as const)
    .filter(([, value]) => value !== "");
  const text = new URLSearchParams(asked.map(([name, value]) => [name, value])).toString();
  const [chosen, setChosen] = useState<Rejection>();
  const pages = usePages<Rejection>(text, async (after) => {
    const query = new URLSearchParams(text);
    if (after !== undefined) query.set("after", String(after));
    const page = await call<{ rejections: Rejection[]; next?: number }>(
      pathOf(partition, `inspect/rejections?${query}`),
    );
    return { rows: page.rejections, next: page.next };
  });
  const find = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setChosen(undefined);
    replaceQuery(route, Object.fromEntries(fields.map(([name]) => [name, String(form.get(name) ?? "").trim()])));
  };
  const shown = chosen ?? (asked.length > 0 && pages.rows.length === 1 ? pages.rows[0] : undefined);
  return (
    <div className="split">
      <section className="panel detail" aria-label="Rejections">
        <form className="filters" onSubmit={find}>
          {fields.map(([name, label]) => (
            <label key={name}>
              <span>{label}</span>
              <input name={name} type="search" defaultValue={route.query.get(name) ?? ""} spellCheck={false} />
            </label>
          ))}
          <button type="submit">Find</button>
        </form>
        <PagedTable
          label="Rejections"
          none="There is no such rejection. What was refused for now, as rate_limited, is not stored: its log line has the trace id."
          columns={["When", "Who", "Why", "Code", "Layer"]}
          pages={pages}
          nameOf={({ recordId }) => String(recordId)}
          cells={(row) => {
            const [{ draftId, problem } = { draftId: row.draftId, problem: {} }] = problemsOf(row);
            // What the model says of it, where it does.
            const said = problem.errors?.[0];
            return [
              new Date(row.timestamp).toLocaleString("en-GB"),
              row.principal,
              <button key="open" type="button" className="link" onClick={() => setChosen(row)}>
                {said?.message ?? problem.detail ?? draftId}
              </button>,
              said?.code ?? problem.code,
              problem.layer,
            ];
          }}
        />
      </section>
      <section className="panel detail" aria-label="Why">
        {shown ? <Explained rejection={shown} /> : <p className="soft">Choose a rejection to see why it was.</p>}
      </section>
    </div>
  );
}

/** The problems of a rejection: one, or those of the failed drafts of a batch. */
function problemsOf({ draftId, problem }: Rejection): { draftId: string; problem: Partial<Problem> }[] {
  if (!problem) return [];
  if (!("results" in problem)) return [{ draftId, problem }];
  return problem.results.flatMap(({ draftId: member, problem: of }) => (of ? [{ draftId: member, problem: of }] : []));
}

const layers: Readonly<Record<string, string>> = {
  schema: "The shape of the draft is not that of its type.",
  permission: "Its author may not submit this type.",
  conflict: "Somebody else changed the same part of the state after its author had seen it.",
  rule: "A rule of the model does not allow it in this state.",
  invariant: "The state after it would break what must always hold.",
};

function Explained({ rejection }: { rejection: Rejection }) {
  const { partition } = useSession();
  const { principal, draftId, timestamp, judgedAt } = rejection;
  const problems = problemsOf(rejection);
  return (
    <>
      <h2>Why {draftId} was rejected</h2>
      <dl className="facts">
        <div>
          <dt>Principal</dt>
          <dd>{principal}</dd>
        </div>
        <div>
          <dt>Time</dt>
          <dd>{new Date(timestamp).toISOString()}</dd>
        </div>
        <div>
          <dt>Judged on</dt>
          <dd>
            {judgedAt === undefined ? (
              "The state is not known: an earlier version has stored this."
            ) : (
              <a href={hashOf(partition, "state", { at: String(judgedAt) })}>
                the state after event {judgedAt.toLocaleString("en")}
              </a>
            )}
          </dd>
        </div>
      </dl>
      {problems.length === 0 ? <p>What is stored of it is damaged.</p> : null}
      {problems.map(({ draftId: member, problem }) => (
        <article key={member} className="why">
          <h3>
            {problem.title} {member === draftId ? "" : `(${member})`}
          </h3>
          <p>{problem.detail}</p>
          {problem.layer === undefined ? null : (
            <p>
              <strong>Layer {problem.layer}.</strong> {layers[problem.layer]}
            </p>
          )}
          {problem.errors === undefined ? null : (
            <ul>
              {problem.errors.map(({ field, code, message }) => (
                <li key={`${field} ${code}`}>
                  <code>{field === "" ? "the whole" : field}</code>: {message} <code>{code}</code>
                </li>
              ))}
            </ul>
          )}
          {problem.conflictingEventIds === undefined ? null : (
            <p>
              In conflict with{" "}
              {problem.conflictingEventIds.map((id) => (
                <a key={id} href={hashOf(partition, "log", { event: String(id) })}>
                  event {id}{" "}
                </a>
              ))}
            </p>
          )}
          <p className="soft">
            <a href={`/problems/${problem.code}`}>{problem.code}</a>, trace <code>{problem.traceId}</code>
          </p>
        </article>
      ))}
    </>
  );
}
