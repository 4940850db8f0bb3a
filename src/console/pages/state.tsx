import { useCallback, useEffect, useState } from "react";
import type { Folded, NodePath, TreeNode } from "../data/messages.ts";
import { useLoaded } from "../parts/loaded.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { Tree } from "../parts/tree.tsx";
import { hashOf, replaceQuery, type Route } from "../route.ts";
import { useSession } from "../session.tsx";
import { DiffList } from "./diff.tsx";

/** A state is asked for at once, and while the slider moves when it has stood still for this long. */
const slidePauseMs = 120;

/** Time travel: the state after any event, and what changed between two of them. */
export function StateView({ route }: { route: Route }) {
  const { worker, partition, head } = useSession();
  const at = numberOf(route, "at", head) ?? head;
  const from = numberOf(route, "from", head);
  const state = useLoaded(`state ${at}`, async () => ({ at, root: await worker.call("state", { at }) }), slidePauseMs);
  const go = (eventId: number): void => {
    const next = Math.min(Math.max(eventId, 0), head);
    replaceQuery(route, { at: String(next), ...(from !== undefined && from > next ? { from: String(next) } : {}) });
  };
  return (
    <div className="time">
      <div className="travel">
        <Stepper label="After event" value={at} max={head} change={go} />
        <input
          type="range"
          min={0}
          max={head}
          value={at}
          aria-label="After event"
          onChange={({ target }) => go(target.valueAsNumber)}
        />
        {from === undefined ? (
          <button type="button" onClick={() => replaceQuery(route, { from: String(Math.max(at - 1, 0)) })}>
            Compare
          </button>
        ) : (
          <>
            <Stepper
              label="With event"
              value={from}
              max={head}
              change={(next) => replaceQuery(route, { from: String(Math.min(Math.max(next, 0), head)) })}
            />
            <a href={hashOf(partition, "state", { at: String(at) })}>Do not compare</a>
          </>
        )}
        {at > 0 ? <a href={hashOf(partition, "log", { event: String(at) })}>Event {at.toLocaleString("en")}</a> : null}
        <p className="soft note" role="status">
          {state.loading ? (
            <Folding at={at} from={from} />
          ) : at === head ? (
            "The present state."
          ) : (
            `${(head - at).toLocaleString("en")} events before the head.`
          )}
        </p>
      </div>
      <div className={from === undefined ? "whole" : "split"}>
        <section className="panel" aria-label="State">
          {state.error ? <ProblemNote error={state.error} /> : null}
          {state.value && !state.error ? <StateTree at={state.value.at} root={state.value.root} /> : null}
        </section>
        {from === undefined ? null : (
          <section className="panel detail" aria-label="Differences">
            <DiffList from={from} to={at} />
          </section>
        )}
      </div>
    </div>
  );
}

function StateTree({ at, root }: { at: number; root: TreeNode }) {
  const { worker } = useSession();
  const children = useCallback((path: NodePath) => worker.call("children", { at, path }), [worker, at]);
  return <Tree label="state" root={root} version={at} children={children} />;
}

/** A state far from a snapshot is folded in parts: how far it is. */
function Folding({ at, from }: { at: number; from: number | undefined }) {
  const { worker } = useSession();
  const [folded, setFolded] = useState<Folded>();
  useEffect(() => worker.listen((news) => news.kind === "folded" && setFolded(news.folded)), [worker]);
  if (!folded || (folded.of !== at && folded.of !== from)) return "Loading …";
  const { eventIndex, of } = folded;
  return (
    <>
      <progress max={of} value={eventIndex} aria-label="Folding" /> Folding: {eventIndex.toLocaleString("en")} of{" "}
      {of.toLocaleString("en")} events
    </>
  );
}

/** The number of an event, to type or to step. */
function Stepper(props: { label: string; value: number; max: number; change(value: number): void }) {
  const { label, value, max, change } = props;
  const [typed, setTyped] = useState<string>();
  return (
    <span className="stepper">
      <label>
        <span>{label}</span>
        <input
          inputMode="numeric"
          value={typed ?? value}
          onChange={({ target }) => setTyped(target.value)}
          onBlur={() => setTyped(undefined)}
          onKeyDown={({ key }) => {
            if (key !== "Enter" || typed === undefined || !/^\d+$/.test(typed)) return;
            setTyped(undefined);
            change(Number(typed));
          }}
        />
      </label>
      <button type="button" aria-label={`${label}: one back`} disabled={value <= 0} onClick={() => change(value - 1)}>
        −
      </button>
      <button type="button" aria-label={`${label}: one on`} disabled={value >= max} onClick={() => change(value + 1)}>
        +
      </button>
    </span>
  );
}

function numberOf({ query }: Route, name: string, max: number): number | undefined {
  const given = query.get(name);
  return given !== null && /^\d{1,15}$/.test(given) ? Math.min(Number(given), max) : undefined;
}
