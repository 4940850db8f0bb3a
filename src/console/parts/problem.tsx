import { CallFailed } from "../data/calls.ts";

/** Why something cannot be shown. */
export function ProblemNote({ error }: { error: unknown }) {
  const problem = error instanceof CallFailed ? error.problem : { title: String(error) };
  return (
    <div className="problem" role="alert">
      <strong>{problem.title ?? "It failed."}</strong>
      {problem.detail === undefined ? null : <p>{problem.detail}</p>}
      {problem.traceId === undefined ? null : (
        <p className="soft">
          Trace <code>{problem.traceId}</code>
        </p>
      )}
    </div>
  );
}
