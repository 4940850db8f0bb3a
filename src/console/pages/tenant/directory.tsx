import { type FormEvent, useState } from "react";
import { call } from "../../data/calls.ts";
import { PagedTable, usePages } from "../../parts/pages.tsx";
import { when } from "../../parts/when.ts";
import { hashOf } from "../../route.ts";
import { figureOf } from "../../parts/figure.ts";

/** A partition, as of its last report. Who may not inspect gets the first four only. */
interface Listed {
  partition: string;
  createdAt: number;
  activeAt: number;
  head: number;
  logBytes?: number;
  stateBytes?: number;
  fullest?: { bound: string; share: number };
  quarantined?: boolean;
  deadLetters?: number;
  verifiedAt?: number;
  findings?: number;
  connections?: number;
  eventsPerSecond?: number;
}

/** What is asked of the directory; empty: not. */
interface Asked {
  prefix: string;
  order: string;
  only: string;
}

const pageRows = 50;
const orders = [
  ["", "by name"],
  ["hottest", "the hottest first"],
  ["largest", "the largest first"],
  ["fullest", "the fullest first"],
] as const;
const filters = [
  ["", "all"],
  ["quarantined", "only quarantined"],
  ["deadLetters", "only with dead letters"],
  ["damaged", "only where a verification has found something"],
] as const;

/** The partitions of the tenant, searched, ordered and filtered. `token`: reads again with another one. */
export function DirectoryView({ token }: { token: string | undefined }) {
  const [asked, setAsked] = useState<Asked>({ prefix: "", order: "", only: "" });
  const pages = usePages<Listed>(JSON.stringify([token, asked]), async (after) => {
    const query = new URLSearchParams({ limit: String(pageRows) });
    for (const [name, value] of Object.entries(asked)) if (value !== "") query.set(name, value);
    if (after !== undefined) query.set("after", String(after));
    const { partitions, next } = await call<{ partitions: Listed[]; next?: string }>(`/v1/partitions?${query}`);
    return { rows: partitions, next };
  });
  const ask = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const text = (name: string) => String(given.get(name) ?? "").trim();
    setAsked({ prefix: text("prefix"), order: text("order"), only: text("only") });
  };
  return (
    <section aria-label="Partitions">
      <h2>Partitions</h2>
      <form className="filters" onSubmit={ask}>
        <label>
          <span>Begins with</span>
          <input name="prefix" autoComplete="off" spellCheck={false} maxLength={128} />
        </label>
        <Choice label="Order" name="order" of={orders} />
        <Choice label="Which" name="only" of={filters} />
        <button type="submit">Find</button>
      </form>
      <PagedTable
        label="Partitions"
        none="There is no such partition."
        columns={["Partition", "Head", "Log", "State", "Fullest", "Events a second", "Connections", "Last report"]}
        pages={pages}
        nameOf={({ partition }) => partition}
        cells={(row) => [
          <span key="name">
            <a href={hashOf(row.partition)}>{row.partition}</a>
            {row.quarantined ? <strong> quarantined</strong> : null}
            {row.findings ? (
              <>
                {" "}
                <a href={hashOf(row.partition, "health")}>{row.findings} findings</a>
              </>
            ) : null}
            {row.deadLetters ? (
              <>
                {" "}
                <a href={hashOf(row.partition, "work")}>{row.deadLetters} dead letters</a>
              </>
            ) : null}
          </span>,
          row.head.toLocaleString("en"),
          bytes(row.logBytes),
          bytes(row.stateBytes),
          row.fullest ? `${row.fullest.bound}: ${(row.fullest.share * 100).toFixed(1)} %` : "",
          row.eventsPerSecond?.toLocaleString("en", { maximumSignificantDigits: 3 }),
          row.connections,
          when(row.activeAt),
        ]}
      />
    </section>
  );
}

function Choice(props: { label: string; name: string; of: readonly (readonly [value: string, text: string])[] }) {
  const { label, name, of } = props;
  return (
    <label>
      <span>{label}</span>
      <select name={name}>
        {of.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

const bytes = (count: number | undefined): string => (count === undefined ? "" : figureOf("bytes", count));
