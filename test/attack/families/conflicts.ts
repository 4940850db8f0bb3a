import { bounds } from "../../../src/protocol/bounds.ts";
import type { Arena } from "../arena.ts";
import { type Case, frameBound, only } from "../case.ts";
import { largeEventsLog } from "../logs.ts";
import { type AttackSocket, over } from "../socket.ts";

const eventBytes = 60_000;
const batchDrafts = 10;

function log(arena: Arena): string {
  const events = bounds.conflictEventsMax + 100;
  return arena.shared("large-events", () => largeEventsLog(events, arena.size(eventBytes, 2_000)));
}

/** Submits drafts for an entity that no other event has touched: every event since is looked at. */
async function stale(socket: AttackSocket, drafts: number) {
  // Each draft of a batch counts those before it.
  const expectedEventId = socket.head - bounds.conflictEventsMax + drafts;
  const key = crypto.randomUUID();
  const event = { type: "set", payload: { target: `only-${key}`, value: 1 } };
  if (drafts === 1) await socket.ask("submit_event", { draftId: key, event, expectedEventId });
  else {
    const events = Array.from({ length: drafts }, (_, at) => ({ draftId: `${key}-${at}`, event, expectedEventId }));
    await socket.ask("submit_events", { batchId: key, mode: "atomic", events });
  }
  return { frames: 1, answers: socket.take() };
}

const attack = (name: string, drafts: number): Case => ({
  name,
  what: `${drafts === 1 ? "A draft" : `An atomic batch of ${drafts}`} with an \`expectedEventId\` ${bounds.conflictEventsMax.toLocaleString("en")} events of 60 KB ago`,
  boundBy: "`conflictEventsMax`, `conflictBytesMax`",
  bound: frameBound,
  tested: true,
  async prepare(arena) {
    const partition = log(arena);
    await arena.load(partition);
    return {
      ...over(arena, partition, (socket) => stale(socket, drafts)),
      judge: only("event_accepted", "accepted", "too_stale", "conflict", "draft_too_expensive", "rate_limited"),
    };
  },
});

export const conflicts: readonly Case[] = [attack("expected", 1), attack("expected-batch", batchDrafts)];
