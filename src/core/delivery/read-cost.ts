import type { EventRow } from "../../storage/port.ts";
import type { Page, Reply } from "../replies.ts";
import { weightOf } from "./page.ts";

/** About how many bytes these replies have that were read or made from the log and the state. */
export function bytesRead(replies: readonly Reply[]): number {
  let bytes = 0;
  for (const reply of replies) {
    if (reply.kind === "page") bytes += bytesOfPage(reply.page);
    else if (reply.kind === "events") bytes += bytesOfEvents(reply.events);
    else if (reply.kind === "hash") bytes += reply.bytes;
    else if (reply.kind === "state_chunk") bytes += reply.text.length;
    else if (reply.kind === "connected") bytes += reply.initialState?.length ?? 0;
  }
  return bytes;
}

/** About how many bytes a page has. */
export function bytesOfPage({ snapshot, events }: Page): number {
  return (snapshot && "state" in snapshot ? snapshot.state.length : 0) + bytesOfEvents(events);
}

function bytesOfEvents(events: readonly EventRow[]): number {
  let bytes = 0;
  for (const row of events) bytes += weightOf(row);
  return bytes;
}
