import { useState } from "react";
import { call } from "../../data/calls.ts";
import { Action } from "../../parts/action.tsx";
import { useLoaded } from "../../parts/loaded.ts";
import { ProblemNote } from "../../parts/problem.tsx";

interface Limits extends Record<string, unknown> {
  effects: "delivered" | "paused";
  readOnly: string[];
}

interface Answer {
  limits: Limits;
  override: Partial<Limits>;
}

/** How many partitions have a change. */
interface Spread {
  told: number;
  pending: number;
}

/** How long a drain from here takes. */
const drainSeconds = 10;

/** The limits of the tenant, and what stops work: paused effects, read-only partitions, a drain. `token`: reads again with another one. */
export function LimitsView({ token }: { token: string | undefined }) {
  const [round, setRound] = useState(0);
  const [said, setSaid] = useState<string>();
  const { value, error } = useLoaded(`${token} ${round}`, () => call<Answer>("/v1/limits"));
  const done = ({ told, pending }: Spread): void => {
    setSaid(`${told} partitions have the change${pending > 0 ? `, ${pending} get it later` : ""}.`);
    setRound((n) => n + 1);
  };
  return (
    <>
      {error ? <ProblemNote error={error} /> : null}
      {said === undefined ? null : <p role="status">{said}</p>}
      {value ? (
        <>
          <InForce key={JSON.stringify(value)} {...value} done={done} />
          <Effects {...value} done={done} />
          <ReadOnly key={value.limits.readOnly.join(" ")} {...value} done={done} />
        </>
      ) : null}
      <section aria-label="Drain">
        <h2>Drain</h2>
        <p>
          <Action
            label="Drain all"
            danger
            of="the tenant"
            warning={`What is queued is decided. Then every client of every partition that has connections is asked to reconnect, and nothing new is accepted for ${drainSeconds} seconds.`}
            run={(why) => call<Spread>("/v1/drain", { method: "POST", body: { seconds: drainSeconds }, ...why })}
            done={done}
          />
        </p>
      </section>
    </>
  );
}

type Part = Answer & { done(spread: Spread): void };

/** What the tenant has set without what has a request of its own. */
function settable(override: Partial<Limits>): Partial<Limits> {
  const { readOnly: _, ...rest } = override;
  return rest;
}

function InForce({ limits, override, done }: Part) {
  const [text, setText] = useState(() => JSON.stringify(settable(override), null, 2));
  const parsed = parse(text);
  return (
    <section aria-label="Limits">
      <h2>Limits</h2>
      <div className="wide" tabIndex={0} role="region" aria-label="Limits in force">
        <table>
          <thead>
            <tr>
              {["Limit", "In force", "Set by"].map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Object.entries(limits).map(([name, limit]) => (
              <tr key={name}>
                <th scope="row">
                  <code>{name}</code>
                </th>
                <td>{textOf(limit)}</td>
                <td>{name in override ? "the tenant" : "the application"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <label className="whole-text">
        <span>What the tenant sets, as JSON; what is absent is as the application says, and null is no limit</span>
        <textarea rows={6} spellCheck={false} value={text} onChange={({ target }) => setText(target.value)} />
      </label>
      <p className="actions">
        <Action
          label="Set the limits"
          of="the tenant"
          disabled={parsed === undefined}
          warning="They are in force at once, also for open connections."
          run={(why) => call<Spread>("/v1/limits", { method: "PUT", body: parsed, ...why })}
          done={done}
        />
        {parsed === undefined ? <span className="soft">This is not the JSON of an object.</span> : null}
      </p>
    </section>
  );
}

function Effects({ limits, override, done }: Part) {
  const paused = limits.effects === "paused";
  return (
    <section aria-label="Effects">
      <h2>Effects: {paused ? "paused" : "delivered"}</h2>
      <p>
        <Action
          label={paused ? "Deliver" : "Pause"}
          of="all effects of the tenant"
          warning={
            paused
              ? "What waits in all partitions is delivered from now on."
              : "Nothing is delivered to endpoints, queues and other partitions. It waits, and does not become a dead letter for that."
          }
          run={(why) =>
            call<Spread>("/v1/limits", {
              method: "PUT",
              body: { ...settable(override), effects: paused ? "delivered" : "paused" },
              ...why,
            })
          }
          done={done}
        />
      </p>
    </section>
  );
}

function ReadOnly({ limits, done }: Part) {
  const [text, setText] = useState(limits.readOnly.join(" "));
  const partitions = text.split(/\s+/).filter((name) => name !== "");
  return (
    <section aria-label="Read-only">
      <h2>Read-only: {limits.readOnly.length === 0 ? "no partition" : limits.readOnly.join(", ")}</h2>
      <div className="filters">
        <label>
          <span>Partitions, or beginnings of names that end in *; none: it ends for all</span>
          <input value={text} autoComplete="off" spellCheck={false} onChange={({ target }) => setText(target.value)} />
        </label>
        <Action
          label="Set read-only"
          danger
          of={partitions.length === 0 ? "no partition" : partitions.join(", ")}
          warning="These accept no new event, and all others do. Clients keep their drafts and send them again afterwards; timers and effects for these partitions wait."
          run={(why) => call<Spread>("/v1/read-only", { method: "PUT", body: { partitions }, ...why })}
          done={done}
        />
      </div>
    </section>
  );
}

function parse(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** As `20 a second, 400 at once`. */
function textOf(limit: unknown): string {
  if (limit === null) return "no limit";
  if (Array.isArray(limit)) return limit.length === 0 ? "none" : limit.join(", ");
  if (typeof limit !== "object") return typeof limit === "number" ? limit.toLocaleString("en") : String(limit);
  if ("perSecond" in limit && "burst" in limit) {
    return `${Number(limit.perSecond).toLocaleString("en")} a second, ${Number(limit.burst).toLocaleString("en")} at once`;
  }
  const each = Object.entries(limit).map(([name, value]) => `${name}: ${textOf(value)}`);
  return each.length === 0 ? "none" : each.join("; ");
}
