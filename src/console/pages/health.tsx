import { useEffect, useRef, useState } from "react";
import { call, pathOf } from "../data/calls.ts";
import { type Verified, verify } from "../data/verify.ts";
import { CostsView } from "./costs.tsx";
import { Findings } from "../parts/findings.tsx";
import { figureOf } from "../parts/figure.ts";
import { type Loaded, useLoaded } from "../parts/loaded.ts";
import { ProblemNote } from "../parts/problem.tsx";
import { when } from "../parts/when.ts";
import { useSession } from "../session.tsx";
import type { Overview } from "./overview.ts";

interface Usage {
  used: number;
  max: number | null;
}

/** What has a bound, how full it is, and whether what derives from the log agrees with it. */
export function HealthView() {
  const { partition } = useSession();
  const [round, setRound] = useState(0);
  const overview = useLoaded("overview", () => call<Overview>(pathOf(partition, "inspect")));
  const usage = useLoaded(`usage ${round}`, () => call<{ usage: Record<string, Usage> }>(pathOf(partition, "usage")));
  return (
    <div className="cards">
      <section className="panel" aria-label="Limits">
        <h2>How full it is</h2>
        <p>
          <button type="button" onClick={() => setRound(round + 1)}>
            Read again
          </button>
        </p>
        {usage.error ? <ProblemNote error={usage.error} /> : null}
        <table>
          <thead>
            <tr>
              <th scope="col">What</th>
              <th scope="col" className="figure">
                Used
              </th>
              <th scope="col" className="figure">
                At most
              </th>
              <th scope="col">Full</th>
            </tr>
          </thead>
          <tbody>
            {Object.entries(usage.value?.usage ?? {}).map(([name, { used, max }]) => (
              <tr key={name}>
                <th scope="row">{titleOf(name)}</th>
                <td className="figure">{figureOf(name, used)}</td>
                <td className="figure">{max === null ? "no bound" : figureOf(name, max)}</td>
                <td>{max === null ? "" : <Fill name={titleOf(name)} share={used / max} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <Standing overview={overview} />
      <Verify overview={overview.value} />
      <CostsView />
    </div>
  );
}

/** As `Log bytes`: more names can be added by the server. */
function titleOf(name: string): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** 75 % and 90 % are the shares at which the server warns. */
function Fill({ name, share }: { name: string; share: number }) {
  const level = share >= 0.9 ? "bad" : share >= 0.75 ? "late" : "good";
  return (
    <span className="fill">
      <meter className={level} min={0} max={1} value={share} aria-label={`${name}: how full`} />
      {(share * 100).toFixed(share < 0.1 ? 1 : 0)} %
    </span>
  );
}

/** What folds the log, and how far it is stored. */
function Standing({ overview: { value, error } }: { overview: Loaded<Overview> }) {
  return (
    <section className="panel" aria-label="Standing">
      <h2>Model and snapshots</h2>
      {error ? <ProblemNote error={error} /> : null}
      {value ? (
        <>
          {value.fault === undefined ? null : <p className="problem">{value.fault}</p>}
          {value.drainedUntil === undefined ? null : (
            <p className="problem">Drained until {when(value.drainedUntil)}.</p>
          )}
          <dl className="facts">
            <div>
              <dt>Model</dt>
              <dd>
                {value.model.name}, version {value.model.version}
              </dd>
            </div>
            <div>
              <dt>Log</dt>
              <dd>{value.serverId ?? "Nothing was ever written."}</dd>
            </div>
            {value.snapshots.map(({ eventId, modelTag, modelVersion, stateBytes, createdAt }) => (
              <div key={eventId}>
                <dt>Snapshot</dt>
                <dd>
                  after event {eventId.toLocaleString("en")}, {figureOf("bytes", stateBytes)},{" "}
                  {modelTag ?? `version ${modelVersion}`}, {when(createdAt)}
                </dd>
              </div>
            ))}
          </dl>
          {value.snapshots.length === 0 ? <p className="soft">There is no snapshot yet: the log is short.</p> : null}
        </>
      ) : null}
    </section>
  );
}

/** What the directory of the tenant knows of a partition; undefined: it is not listed. */
async function listedOf(partition: string): Promise<{ verifiedAt?: number; findings?: number } | undefined> {
  const { partitions } = await call<{ partitions: { partition: string; verifiedAt?: number; findings?: number }[] }>(
    `/v1/partitions?${new URLSearchParams({ prefix: partition, limit: "1" })}`,
  );
  return partitions.find((listed) => listed.partition === partition);
}

function Verify({ overview }: { overview: Overview | undefined }) {
  const { partition } = useSession();
  const [state, setState] = useState<{ running: boolean; verified?: Verified; error?: unknown }>({ running: false });
  const here = useRef(true);
  useEffect(() => {
    here.current = true;
    return () => void (here.current = false);
  }, []);
  const begin = async (): Promise<void> => {
    setState({ running: true });
    try {
      await verify(
        partition,
        () => here.current,
        (verified) => setState({ running: true, verified }),
      );
      setState((before) => ({ ...before, running: false }));
    } catch (error) {
      setState({ running: false, error });
    }
  };
  const { running, verified, error } = state;
  const due = overview?.jobs.find(({ kind }) => kind === "verify")?.dueAt;
  const last = overview?.verified;
  // What a partition has found before it slept is known to the directory, by number.
  const before = useLoaded(overview && !last ? "verified" : undefined, () => listedOf(partition)).value;
  return (
    <section className="panel" aria-label="Verification">
      <h2>Does it agree with its log?</h2>
      <p className="soft">
        Folds the log from its first event, and compares snapshot, state and effects with it.{" "}
        {due === undefined
          ? "By itself it is verified a week after each snapshot."
          : `By itself it is verified ${when(due)}.`}
      </p>
      {last && !verified ? (
        <>
          <p>
            Verified {when(last.at)}, up to event {last.eventId.toLocaleString("en")}.
          </p>
          <Findings partition={partition} findings={last.findings} />
        </>
      ) : null}
      {before?.verifiedAt !== undefined && !last && !verified ? (
        <p>
          Verified {when(before.verifiedAt)}, before this partition was started last:{" "}
          {before.findings === undefined
            ? "nothing was found."
            : `${before.findings.toLocaleString("en")} found. Verify again to see what.`}
        </p>
      ) : null}
      <p>
        <button type="button" disabled={running} onClick={() => void begin()}>
          Verify
        </button>
      </p>
      {error ? <ProblemNote error={error} /> : null}
      <div role="status">
        {running && !verified ? <p>Verifying …</p> : null}
        {verified ? (
          <>
            <p>
              {verified.done ? "Done" : "So far"}: {verified.eventId.toLocaleString("en")} of{" "}
              {verified.of.toLocaleString("en")} events
              {verified.compared.length > 0 ? `; compared ${verified.compared.join(", ")}` : ""}.{" "}
              {verified.done ? null : <progress max={verified.of} value={verified.eventId} aria-label="Verified" />}
            </p>
            {verified.done || verified.findings.length > 0 ? (
              <Findings partition={partition} findings={verified.findings} />
            ) : null}
          </>
        ) : null}
      </div>
    </section>
  );
}
