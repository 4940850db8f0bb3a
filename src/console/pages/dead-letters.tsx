import { call, pathOf } from "../data/calls.ts";
import { Action } from "../parts/action.tsx";
import { PagedTable, usePages } from "../parts/pages.tsx";
import { when } from "../parts/when.ts";
import { hashOf } from "../route.ts";

interface Letter {
  effectId: string;
  kind: string;
  destination: string;
  type?: string;
  diedAt: number;
  reason: string;
  code?: string;
  detail?: string;
}

/** The effects of a partition that were given up, to deliver them again or to discard them. */
export function DeadLetters({ partition }: { partition: string }) {
  const pages = usePages<Letter>(`letters ${partition}`, async (after) => {
    const query = after === undefined ? "" : `?after=${encodeURIComponent(String(after))}`;
    const page = await call<{ deadLetters: Letter[]; next?: string }>(pathOf(partition, `dead-letters${query}`));
    return { rows: page.deadLetters, next: page.next };
  });
  const at = (effectId: string, rest = ""): string =>
    pathOf(partition, `dead-letters/${encodeURIComponent(effectId)}${rest}`);
  return (
    <PagedTable
      label={`Dead letters of ${partition}`}
      none="No effect was given up."
      columns={["Given up", "Effect", "To", "Why", "What to do"]}
      pages={pages}
      nameOf={({ effectId }) => effectId}
      cells={({ diedAt, effectId, kind, destination, type, reason, code, detail }) => [
        when(diedAt),
        <a key="event" href={hashOf(partition, "log", { event: effectId.split(":")[1] ?? "" })}>
          {type ?? effectId}
        </a>,
        `${kind} ${destination}`,
        [reason, code, detail].filter(Boolean).join(": "),
        <span key="do" className="actions">
          <Action
            label="Replay"
            of={effectId}
            warning="It is delivered again under the same id, before what was caused later. What was rejected cannot be."
            run={(why) => call(at(effectId, "/replay"), { method: "POST", ...why })}
            done={pages.again}
          />
          <Action
            label="Discard"
            danger
            of={effectId}
            warning="It is deleted, and cannot be delivered any more."
            run={(why) => call(at(effectId), { method: "DELETE", ...why })}
            done={pages.again}
          />
        </span>,
      ]}
    />
  );
}
