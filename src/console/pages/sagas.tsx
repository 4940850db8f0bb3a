import { useState } from "react";
import { call, pathOf } from "../data/calls.ts";
import { Action } from "../parts/action.tsx";
import { useLoaded } from "../parts/loaded.ts";
import { PagedTable, usePages } from "../parts/pages.tsx";
import { ProblemNote } from "../parts/problem.tsx";
import { when } from "../parts/when.ts";
import { replaceQuery, type Route } from "../route.ts";
import { useSession } from "../session.tsx";

interface Trouble {
  step: number;
  code: string;
  detail: string;
}

interface Saga {
  id: string;
  saga: string;
  status: string;
  step: number;
  steps: number;
  undo?: boolean;
  attempt: number;
  asks: number;
  until?: number;
  author?: string;
  startedAt: number;
  endedAt?: number;
  problem?: Trouble;
  failure?: Trouble;
}

const statuses = ["", "RUNNING", "COMPENSATING", "FAILED", "COMPLETED", "COMPENSATED"] as const;

/** A failure of which it is not known whether its step is done: it is resumed, and not retried, so that nothing is done twice. */
const unanswered = "unanswered";

/** What goes on in several partitions, or has ended: each saga with its step, and what an operator can do with a failed one. */
export function SagasView({ route }: { route: Route }) {
  const { partition } = useSession();
  const status = route.query.get("status") ?? "";
  const [chosen, setChosen] = useState<string>();
  const pages = usePages<Saga>(`sagas ${status}`, async (after) => {
    const query = new URLSearchParams({ limit: "50", ...(status === "" ? {} : { status }) });
    if (after !== undefined) query.set("after", String(after));
    const page = await call<{ sagas: Saga[]; next?: string }>(pathOf(partition, `sagas?${query}`));
    return { rows: page.sagas, next: page.next };
  });
  return (
    <div className="split">
      <section className="panel detail" aria-label="Sagas">
        <div className="filters">
          <label>
            <span>Status</span>
            <select value={status} onChange={({ target }) => replaceQuery(route, { status: target.value })}>
              {statuses.map((each) => (
                <option key={each} value={each}>
                  {each === "" ? "all" : each}
                </option>
              ))}
            </select>
          </label>
        </div>
        <PagedTable
          label="Sagas"
          none="There is no such saga here."
          columns={["Saga", "Of", "Status", "Step", "Began", "Why"]}
          pages={pages}
          nameOf={({ id }) => id}
          cells={(row) => [
            <button key="open" type="button" className="link" onClick={() => setChosen(row.id)}>
              {row.id}
            </button>,
            row.saga,
            row.status,
            stepOf(row),
            when(row.startedAt),
            (row.failure ?? row.problem)?.code,
          ]}
        />
      </section>
      <section className="panel detail" aria-label="Saga">
        {chosen === undefined ? (
          <p className="soft">Choose a saga to see its step and why it stands still.</p>
        ) : (
          <One key={chosen} id={chosen} changed={pages.again} />
        )}
      </section>
    </div>
  );
}

const stepOf = ({ step, steps, undo }: Saga): string => `${undo ? "undoes " : ""}${step + 1} of ${steps}`;

function One({ id, changed }: { id: string; changed(): void }) {
  const { partition } = useSession();
  const [round, setRound] = useState(0);
  const { value, error } = useLoaded(`saga ${round}`, () =>
    call<Saga & { input: unknown }>(pathOf(partition, `sagas/${encodeURIComponent(id)}`)),
  );
  if (error) return <ProblemNote error={error} />;
  if (!value) return <p className="soft">Saga {id} …</p>;
  const facts: [string, string | undefined][] = [
    ["Of", value.saga],
    ["Status", value.status],
    ["Step", stepOf(value)],
    ["Attempts", `rejected ${value.attempt} times, sent ${value.asks} times`],
    ["Waits until", when(value.until)],
    ["Started by", value.author],
    ["Began", when(value.startedAt)],
    ["Ended", when(value.endedAt)],
  ];
  const submit = (action: string) => (reason: object) =>
    call(pathOf(partition, "events"), {
      method: "POST",
      key: crypto.randomUUID(),
      body: { type: `${value.saga}.${action}`, payload: { saga: id } },
      ...reason,
    });
  const done = (): void => {
    setRound(round + 1);
    changed();
  };
  const actions = value.failure?.code === unanswered ? (["resume", "skip"] as const) : (["retry", "skip"] as const);
  return (
    <>
      <h2>Saga {id}</h2>
      <dl className="facts">
        {facts.map(([name, text]) =>
          text ? (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ) : null,
        )}
      </dl>
      {value.problem ? <Reason title="Why it does not complete" of={value.problem} /> : null}
      {value.failure ? <Reason title="Why it stands still" of={value.failure} /> : null}
      <p className="actions">
        {value.status === "FAILED"
          ? actions.map((action) => (
              <Action
                key={action}
                label={titles[action]}
                danger={action === "skip"}
                of={id}
                warning={warnings[action]}
                run={submit(action)}
                done={done}
              />
            ))
          : null}
        <button type="button" onClick={() => setRound(round + 1)}>
          Read again
        </button>
      </p>
      <h3>Input</h3>
      <pre className="json" tabIndex={0} aria-label="Input">
        {JSON.stringify(value.input, null, 2)}
      </pre>
    </>
  );
}

function Reason({ title, of: { step, code, detail } }: { title: string; of: Trouble }) {
  return (
    <article className="why">
      <h3>{title}</h3>
      <p>
        Step {step + 1}: {detail} <code>{code}</code>
      </p>
    </article>
  );
}

const titles = { resume: "Resume", retry: "Retry", skip: "Skip" } as const;
const warnings = {
  resume: "The step is asked for again under the same number: what is done already is not done twice.",
  retry: "The step is attempted again, as a new attempt. It needs the permission admin:sagas.",
  skip: "The saga goes on without this compensation. Only when it was done by hand, or must not be done.",
} as const;
