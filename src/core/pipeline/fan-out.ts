import type { EventRow } from "../../storage/port.ts";
import type { Effect } from "../effects.ts";
import type { Session } from "../session.ts";

/** Gives a new event to every connection that has seen all before it. The others are paging, and will meet it there. */
export function fanOut(sessions: Iterable<Session>, event: EventRow): void {
  const effect: Effect = { kind: "broadcast", event };
  for (const session of sessions) if (session.live) session.emit(effect);
}
