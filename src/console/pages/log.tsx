import { useState } from "react";
import { call, pathOf } from "../data/calls.ts";
import type { Filter, LoggedEvent } from "../data/messages.ts";
import { useLoaded } from "../parts/loaded.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { VirtualList } from "../parts/virtual-list.tsx";
import { hashOf, replaceQuery, type Route } from "../route.ts";
import { useSession } from "../session.tsx";
import { useLog } from "./use-log.ts";

const rowHeight = 30;
const time = new Intl.DateTimeFormat("en-GB", { dateStyle: "short", timeStyle: "medium" });
const fields = [
  ["type", "Type"],
  ["author", "Author or client"],
  ["text", "Text in the payload"],
] as const;

/** The log as it grows, the newest event first, with filters; and one event of it. */
export function LogView({ route }: { route: Route }) {
  const [filter, setFilter] = useState<Filter>({ type: "", author: "", text: "" });
  const chosen = Number(route.query.get("event")) || undefined;
  const rows = useLog(filter, chosen !== undefined);
  const place = chosen === undefined ? undefined : rows.indexOf(chosen);
  return (
    <div className="split">
      <section className="panel" aria-label="Events">
        <div className="filters">
          {fields.map(([name, label]) => (
            <label key={name}>
              <span>{label}</span>
              <input
                type="search"
                value={filter[name]}
                spellCheck={false}
                onChange={({ target }) => setFilter({ ...filter, [name]: target.value })}
              />
            </label>
          ))}
        </div>
        <p className="soft note" role="status">
          {rows.search === undefined
            ? `${rows.count.toLocaleString("en")} events, the newest first.`
            : `${rows.count.toLocaleString("en")} found${rows.search.done ? "." : `, down to event ${rows.search.scanned.toLocaleString("en")} …`}`}{" "}
          {rows.fresh > 0 ? (
            <button type="button" className="link" onClick={rows.showFresh}>
              Show {rows.fresh.toLocaleString("en")} new
            </button>
          ) : null}
        </p>
        <VirtualList
          label="log"
          count={rows.count}
          rowHeight={rowHeight}
          selected={place}
          select={(index) => {
            const id = rows.idAt(index);
            if (id !== undefined) replaceQuery(route, { event: String(id) });
          }}
          drawn={rows.drawn}
          row={(index) => {
            const id = rows.idAt(index);
            const summary = id === undefined ? undefined : rows.summary(id);
            return (
              <>
                <span className="number">{id}</span>
                {summary === undefined ? (
                  <span className="soft">…</span>
                ) : (
                  <>
                    <span className="type">{summary.type}</span>
                    <span className="author">{summary.author}</span>
                    <span className="preview">{summary.preview}</span>
                    <time>{time.format(summary.timestamp)}</time>
                  </>
                )}
              </>
            );
          }}
        />
      </section>
      <section className="panel detail" aria-label="Event">
        {chosen === undefined ? (
          <p className="soft">Choose an event to see who did it, and why.</p>
        ) : (
          <Details id={chosen} />
        )}
      </section>
    </div>
  );
}

/** One event: who, why, what, and the way to the state that it has made. */
function Details({ id }: { id: number }) {
  const { worker, partition } = useSession();
  const { value, error } = useLoaded(`event ${id}`, () => worker.call("event", { eventId: id }));
  // Who has submitted it needs a further permission: without it the rest is shown.
  const origin = useLoaded(`origin ${id}`, () => call<Origin>(pathOf(partition, `inspect/events/${id}`)));
  if (error) return <ProblemNote error={error} />;
  if (!value) return <p className="soft">Event {id} …</p>;
  return (
    <>
      <h2>
        Event {value.eventId.toLocaleString("en")}: {value.event.type}
      </h2>
      <dl className="facts">
        {[...factsOf(value), ...originOf(origin.value, id)].map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <p className="actions">
        <a href={hashOf(partition, "state", { at: String(id) })}>State after it</a>
        <a href={hashOf(partition, "state", { from: String(id - 1), at: String(id) })}>What it changed</a>
        {causeOf(value) === undefined ? null : (
          <a href={hashOf(partition, "log", { event: String(causeOf(value)) })}>What led to it</a>
        )}
      </p>
      <h3>Payload</h3>
      <pre className="json" tabIndex={0} aria-label="Payload">
        {JSON.stringify(value.event.payload, null, 2)}
      </pre>
    </>
  );
}

/** The event of this partition that has led to it; undefined: none, or itself, or one of another partition. */
function causeOf({ eventId, correlationId }: LoggedEvent): number | undefined {
  const cause = Number(correlationId?.split(":")[1]);
  return Number.isSafeInteger(cause) && cause < eventId ? cause : undefined;
}

/** What `GET …/inspect/events/…` says, as far as it is shown. */
interface Origin {
  eventId: number;
  principal: string;
  draftId: string;
  expectedEventId?: number;
  batchEnd?: number;
  transformed: boolean;
  hops?: number;
}

function originOf(origin: Origin | undefined, eventId: number): [string, string][] {
  if (origin?.eventId !== eventId) return [];
  const { principal, draftId, expectedEventId, batchEnd, transformed, hops } = origin;
  const facts: [string, string | undefined][] = [
    ["Principal", principal],
    ["Draft", draftId],
    ["Had seen", expectedEventId?.toString()],
    ["Batch", batchEnd === undefined ? undefined : `up to event ${batchEnd}`],
    ["Changed", transformed ? "Its payload was transformed." : undefined],
    ["Hops", hops?.toString()],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

function factsOf({ event, correlationId }: LoggedEvent): [string, string][] {
  const facts: [string, string | undefined][] = [
    ["Time", new Date(event.timestamp).toISOString()],
    ["Author", event.author],
    ["User", event.userId],
    ["Client", event.clientId],
    ["Version", event.version?.toString()],
    ["Label", event.label],
    ["Correlation", correlationId],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}
