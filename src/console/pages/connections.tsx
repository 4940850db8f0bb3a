import { call, pathOf } from "../data/calls.ts";
import { Action } from "../parts/action.tsx";
import { PagedTable, usePages } from "../parts/pages.tsx";
import { useSession } from "../session.tsx";

interface Connection {
  principal?: string;
  clientId?: string;
  dialect?: string;
  awaitsToken?: boolean;
  expiresAt?: number;
  seenAt: number;
  cursor: number;
  atHead: boolean;
  creditBytes?: number;
  spentBytes: number;
  unprovenBytes: number;
  waitingFrames: number;
  held?: { draftId: string; code: string };
}

/** How long a drain from here takes. */
const drainSeconds = 10;

/** Who is connected, how far each has read, and what holds its drafts. */
export function ConnectionsView() {
  const { partition, head } = useSession();
  const pages = usePages<Connection>("connections", async (after) => {
    const page = await call<{ connections: Connection[]; next?: number }>(
      pathOf(partition, `inspect/connections?after=${after ?? 0}`),
    );
    return { rows: page.connections, next: page.next };
  });
  return (
    <div className="cards one">
      <section className="panel" aria-label="Connections">
        <h2>Connections</h2>
        <PagedTable
          label="Connections"
          none="Nobody is connected. Streams of the log, as this page has one, are counted under Health."
          columns={[
            "Who",
            "Client",
            "Read up to",
            "Behind",
            "On the way",
            "Perhaps not read",
            "Draft that waits",
            "Last heard of",
          ]}
          pages={pages}
          nameOf={({ clientId, seenAt }, index) => `${index} ${clientId} ${seenAt}`}
          cells={(row) => [
            row.awaitsToken ? "has not sent its token" : (row.principal ?? "not known yet"),
            row.clientId ?? "",
            row.cursor.toLocaleString("en"),
            row.clientId === undefined ? "" : row.atHead ? "at the head" : `${head - row.cursor} events`,
            row.creditBytes === undefined ? "not counted" : `${row.spentBytes} of ${row.creditBytes} bytes`,
            `${row.unprovenBytes} bytes${row.waitingFrames > 0 ? `, ${row.waitingFrames} frames wait` : ""}`,
            row.held ? `${row.held.draftId}: ${row.held.code}` : "",
            new Date(row.seenAt).toLocaleTimeString("en-GB"),
          ]}
        />
        <p>
          <Action
            label="Drain"
            danger
            of={partition}
            warning={`What is queued is decided. Then every client is asked to reconnect, and nothing new is accepted for ${drainSeconds} seconds.`}
            run={(reason) =>
              call(pathOf(partition, "drain"), { method: "POST", body: { seconds: drainSeconds }, ...reason })
            }
            done={pages.again}
          />
        </p>
      </section>
    </div>
  );
}
