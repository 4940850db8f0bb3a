import { WebSocket } from "ws";
import { foldEvent, type AnyModel, State } from "../../src/model/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { Json, NumberedEvent, ServerMessage } from "../../src/protocol/index.ts";

/** The current log, over HTTP. `token`: absent in open development mode. */
export async function readLog(server: URL, partition: string, token?: string): Promise<NumberedEvent[]> {
  const log: NumberedEvent[] = [];
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  for (let more = true; more;) {
    const address = new URL(`v1/partitions/${partition}/events?since=${log.length}&limit=1000`, server);
    const response = await fetch(address, { headers });
    const page = (await response.json()) as { events: NumberedEvent[]; hasMore: boolean };
    log.push(...page.events);
    more = page.hasMore;
  }
  return log;
}

/** The state of the server, and its event id. */
export async function readState(server: URL, partition: string): Promise<{ state: Json; eventIndex: number }> {
  const response = await fetch(new URL(`v1/partitions/${partition}/state`, server));
  return (await response.json()) as { state: Json; eventIndex: number };
}

/** The ids of a client's drafts that are in the log, by event id. */
export async function readDraftIds(server: URL, partition: string, clientId: string): Promise<Map<number, string>> {
  const address = new URL(`v1/partitions/${partition}/ws`, server);
  address.protocol = "ws:";
  const socket = new WebSocket(address, { perMessageDeflate: false });
  const send = (type: string, payload: object) =>
    socket.send(JSON.stringify({ id: "r", type, timestamp: Date.now(), payload }));
  const draftIds = new Map<number, string>();
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("the connection ended before the log did")));
      socket.once("open", () => send("connect", { clientId, version: "1", draftIds: true, sinceEventId: 0 }));
      socket.on("message", (data) => {
        const { type, payload } = JSON.parse(String(data)) as ServerMessage;
        if (type === "error") reject(new Error(payload.message));
        if (type !== "sync_response") return;
        for (const { eventId, draftId } of payload.events) {
          if (draftId !== undefined) draftIds.set(eventId, draftId);
        }
        if (payload.hasMore) send("sync", { sinceEventId: payload.nextSinceEventId });
        else resolve();
      });
    });
  } finally {
    socket.terminate();
  }
  return draftIds;
}

/** Folds a log from its beginning, and returns the state as canonical JSON. */
export function foldLog(model: AnyModel, log: readonly NumberedEvent[]): string {
  const state = new State(model.initialState());
  for (const { event } of log) foldEvent(model, state, event);
  return canonicalJson(JSON.parse(state.stringify()) as Json);
}
