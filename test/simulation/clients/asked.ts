import type { JsonObject } from "../../../src/protocol/index.ts";
import { memberOf, type Proposal } from "../drafts.ts";
import type { Asked } from "../wire.ts";

interface WireDraft extends Proposal {
  draftId: string;
}

interface Message {
  id: string;
  type: string;
  payload: JsonObject;
}

/** Parses a frame of the client into its request, for the checks of the answers. */
export function askedBy(frame: string): Asked {
  let message: Message | Message[];
  try {
    message = JSON.parse(frame) as typeof message;
  } catch {
    return { id: "", frame, kind: "nonsense" };
  }
  if (Array.isArray(message)) {
    return { id: "", frame, kind: "array", parts: message.map((part) => askedBy(JSON.stringify(part))) };
  }
  const { id, type, payload } = message;
  switch (type) {
    case "connect":
      return {
        id,
        frame,
        kind: "connect",
        since: payload["sinceEventId"] as number | undefined,
        initialState: payload["initialState"] === true,
        stateChunks: payload["stateChunks"] === true,
        echo: payload["echo"] !== false,
        arrays: payload["frames"] === "array",
        credit: payload["credit"] as number | undefined,
        probes: payload["probes"] === true,
        readOnly: payload["readOnly"] === true,
      };
    case "submit_event":
      return { id, frame, kind: "submit", ...memberOf(payload["draftId"] as string, payload as unknown as Proposal) };
    case "submit_events": {
      const { batchId, mode, events } = payload as unknown as {
        batchId: string;
        mode: "atomic" | "sequential";
        events: WireDraft[];
      };
      const members = events.map((draft) => memberOf(draft.draftId, draft));
      return { id, frame, kind: "batch", batchId, mode, members };
    }
    case "sync":
      return {
        id,
        frame,
        kind: "sync",
        since: payload["sinceEventId"] as number | undefined,
        limit: payload["limit"] as number | undefined,
      };
    case "state_chunk": {
      const { eventIndex, chunk } = payload as { eventIndex: number; chunk: number };
      return { id, frame, kind: "state_chunk", eventIndex, chunk };
    }
    case "ack":
      return { id, frame, kind: "ack", eventId: payload["eventId"] as number };
    case "hash":
    case "presence":
    case "heartbeat":
      return { id, frame, kind: type };
    default:
      return { id, frame, kind: "nonsense" };
  }
}
