import type { Finding } from "../data/verify.ts";
import { hashOf } from "../route.ts";

/** What a verification has found in a partition, each with the event where it begins. */
export function Findings({ partition, findings }: { partition: string; findings: readonly Finding[] }) {
  if (findings.length === 0) return <p>Everything agrees.</p>;
  return (
    <div className="why">
      <p>
        <strong>{findings.length === 1 ? "One finding" : `${findings.length} findings`}</strong>
      </p>
      <ul>
        {findings.map(({ eventId, detail }) => (
          <li key={`${eventId} ${detail}`}>
            {eventId === undefined ? null : (
              <a href={hashOf(partition, "log", { event: String(eventId) })}>Event {eventId.toLocaleString("en")}</a>
            )}
            {eventId === undefined ? "" : ": "}
            {detail}
          </li>
        ))}
      </ul>
    </div>
  );
}
