import type { Random } from "./random.ts";

/** A frame that every connection answers with an error: it is no message, or sent at the wrong time. */
export function garbage(random: Random, id: string): string {
  const envelope = (type: string, payload: unknown) => JSON.stringify({ id, type, timestamp: 0, payload });
  return random.pick([
    () => "",
    () => "{",
    () => "[1,2",
    () => "null",
    () => `{"id":"${id}","id":"${id}"}`,
    () => `{"id":"${id}","type":"sync","timestamp":0,"payload":{"__proto__":{}}}`,
    () => `{"id":"${id}","type":"sync","timestamp":1e999,"payload":{}}`,
    () => `${"[".repeat(40)}${"]".repeat(40)}`,
    () => envelope("unheard-of", {}),
    () => envelope("submit_event", { draftId: "has space", event: { type: "set" } }),
    () => envelope("submit_event", { draftId: `g-${id}`, event: { payload: {} } }),
    () => envelope("submit_events", { batchId: `g-${id}`, mode: "perhaps", events: [] }),
    () => envelope("submit_events", { batchId: `g-${id}`, mode: "atomic", events: [] }),
    () => envelope("sync", { sinceEventId: 1_000_000 }),
    () => envelope("sync", { sinceEventId: 0, partition: "elsewhere" }),
    () => envelope("sync", { sinceEventId: -1 }),
  ])();
}

/** A frame that is refused only before `connect`. */
export function premature(random: Random, id: string): string {
  const payload = random.pick([
    { type: "sync", payload: { sinceEventId: 0 } },
    { type: "submit_event", payload: { draftId: `early-${id}`, event: { type: "set", payload: {} } } },
  ]);
  return JSON.stringify({ id, timestamp: 0, ...payload });
}
