import { useEffect, useRef, useState } from "react";
import { call } from "../../data/calls.ts";
import { verifyAll, type VerifiedPartition } from "../../data/verify.ts";
import { Findings } from "../../parts/findings.tsx";
import { PagedTable, usePages } from "../../parts/pages.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { when } from "../../parts/when.ts";
import { hashOf } from "../../route.ts";

interface Damaged {
  partition: string;
  verifiedAt?: number;
  findings?: number;
}

interface Progress {
  running: boolean;
  partitions: number;
  events: number;
  /** Those with findings, and those that could not be verified. */
  notable: readonly VerifiedPartition[];
  /** Whether there may be partitions that the server does not list. */
  incomplete: boolean;
  error?: unknown;
}

const nothing: Progress = { running: false, partitions: 0, events: 0, notable: [], incomplete: false };
/** Partitions with findings that are listed; of more, the number is said. */
const notableMax = 200;

/** Partitions that do not agree with their logs, and a verification of all. `token`: reads again with another one. */
export function VerificationView({ token }: { token: string | undefined }) {
  const pages = usePages<Damaged>(token ?? "", async (after) => {
    const query = new URLSearchParams({ only: "damaged" });
    if (after !== undefined) query.set("after", String(after));
    const { partitions, next } = await call<{ partitions: Damaged[]; next?: string }>(`/v1/partitions?${query}`);
    return { rows: partitions, next };
  });
  const [prefix, setPrefix] = useState("");
  const [progress, setProgress] = useState(nothing);
  const run = useRef(0);
  useEffect(() => () => void run.current++, []);
  const begin = async (): Promise<void> => {
    const own = ++run.current;
    const goesOn = (): boolean => run.current === own;
    setProgress({ ...nothing, running: true });
    const report = (result: VerifiedPartition): void =>
      setProgress((before) => ({
        ...before,
        partitions: before.partitions + 1,
        events: before.events + (result.verified?.eventId ?? 0),
        notable:
          result.error === undefined && result.verified?.findings.length === 0
            ? before.notable
            : [...before.notable, result],
      }));
    try {
      await verifyAll(prefix.trim(), goesOn, report, () => setProgress((before) => ({ ...before, incomplete: true })));
      setProgress((before) => ({ ...before, running: false }));
    } catch (error) {
      setProgress((before) => ({ ...before, running: false, error }));
    }
    pages.again();
  };
  const { running, partitions, events, notable, incomplete, error } = progress;
  return (
    <>
      <section aria-label="Damaged partitions">
        <h2>Partitions that do not agree with their logs</h2>
        <p className="soft">
          Those in which the last verification has found something. A partition is verified by itself a week after each
          snapshot, and here or by <code>partita verify</code>.
        </p>
        <PagedTable
          label="Damaged partitions"
          none="No verification has found anything."
          columns={["Partition", "Findings", "Verified"]}
          pages={pages}
          nameOf={({ partition }) => partition}
          cells={({ partition, findings, verifiedAt }) => [
            <a key="name" href={hashOf(partition, "health")}>
              {partition}
            </a>,
            findings,
            when(verifiedAt),
          ]}
        />
      </section>
      <section aria-label="Verify all">
        <h2>Verify</h2>
        <div className="filters">
          <label>
            <span>Partitions whose names begin with; empty: all</span>
            <input
              value={prefix}
              autoComplete="off"
              spellCheck={false}
              onChange={({ target }) => setPrefix(target.value)}
            />
          </label>
          <button type="button" disabled={running} onClick={() => void begin()}>
            Verify
          </button>
          <button type="button" disabled={!running} onClick={() => void run.current++}>
            Stop
          </button>
        </div>
        {error ? <ProblemNote error={error} /> : null}
        <p role="status">
          {partitions === 0 && !running
            ? ""
            : `${running ? "So far" : "Done"}: ${partitions.toLocaleString("en")} partitions, ${events.toLocaleString("en")} events, ${notable.length === 0 ? "and everything agrees" : `${notable.length} to look at`}.`}
        </p>
        {incomplete ? <p>There may be more partitions: the directory of the tenant is full.</p> : null}
        {notable.slice(0, notableMax).map(({ partition, verified, error: why }) => (
          <article key={partition}>
            <h3>
              <a href={hashOf(partition, "health")}>{partition}</a>
            </h3>
            {verified ? <Findings partition={partition} findings={verified.findings} /> : <p>Not verified: {why}</p>}
          </article>
        ))}
      </section>
    </>
  );
}
