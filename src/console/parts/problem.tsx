import { asksForToken, CallFailed } from "../data/calls.ts";

/** Why something cannot be shown. Where a token is all that it needs, that is no alarm. */
export function ProblemNote({ error }: { error: unknown }) {
  const problem = error instanceof CallFailed ? error.problem : { title: String(error) };
  if (asksForToken(problem)) {
    return (
      <p className="soft" role="status">
        This needs a token.
      </p>
    );
  }
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
