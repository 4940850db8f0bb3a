import type { JsonObject } from "../../../src/protocol/index.ts";
import type { Node } from "./node.ts";

/** An event of a log. */
export interface Event {
  readonly eventId: number;
  readonly incarnation: string;
  readonly principal: string;
  readonly clientId: string;
  readonly draftId: string;
  readonly type: string;
  readonly version: number;
  readonly timestamp: number;
  readonly hops: number;
  readonly payload: JsonObject;
}

export function eventsOf(node: Node): Event[] {
  return rows(node, "SELECT * FROM events ORDER BY event_id").map((row) => ({
    eventId: row["event_id"] as number,
    incarnation: String(row["incarnation"]),
    principal: String(row["principal"]),
    clientId: String(row["client_id"]),
    draftId: String(row["draft_id"]),
    type: String(row["type"]),
    version: (row["version"] as number | null) ?? 1,
    timestamp: row["timestamp"] as number,
    hops: (row["hops"] as number | null) ?? 0,
    payload: JSON.parse(new TextDecoder().decode(row["payload"] as Uint8Array)) as JsonObject,
  }));
}

/** Nothing, where a node was never written. */
export function rows(node: Node, sql: string): Record<string, unknown>[] {
  const written = node.disk.query("SELECT 1 FROM sqlite_master WHERE name = 'outbox'").length > 0;
  return written ? node.disk.query(sql) : [];
}
