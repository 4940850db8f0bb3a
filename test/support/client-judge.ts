import { expect } from "vitest";
import type { AnyModel } from "../../src/model/index.ts";
import { insieme } from "../../src/models/insieme/index.ts";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { WireEvent } from "../../src/protocol/index.ts";
import type { ClientReport, Submitted } from "./client-load.ts";
import { foldLog, readDraftIds, readLog, readState } from "./log.ts";

type Draft = Submitted["drafts"][number];

/** The verdict that a client got for one draft. */
interface DecidedDraft extends Draft {
  clientId: string;
  accepted: { eventId: number; event: WireEvent } | undefined;
}

/** Submits the first event of a partition: the tree that the clients edit. */
export async function plantTree(server: URL, partition: string): Promise<void> {
  const response = await fetch(new URL(`v1/partitions/${partition}/events`, server), {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": "tree" },
    body: JSON.stringify({ type: "init", payload: { value: { docs: {} } } }),
  });
  expect(await response.json()).toMatchObject({ eventId: 1 });
}

/**
 * Checks that the verdicts of all clients match the log after `plantTree`, and that all views equal the
 * state of the server. Returns the numbers of accepted and of other drafts.
 */
export async function judge(
  server: URL,
  partition: string,
  reports: readonly ClientReport[],
): Promise<{ accepted: number; refused: number; head: number }> {
  const log = await readLog(server, partition);
  expect(
    log.findIndex(({ eventId }, at) => eventId !== at + 1),
    "the first place where ids are not 1, 2, 3 …",
  ).toBe(-1);

  // The draft of each event of the log.
  const authors = new Map<number, string>();
  for (const { clientId } of reports) {
    for (const [eventId, draftId] of await readDraftIds(server, partition, clientId)) authors.set(eventId, draftId);
  }
  const decided = reports.flatMap(({ clientId, submitted }) =>
    submitted.flatMap((entry) => decidedDraftsOf(clientId, entry)),
  );
  const accepted = decided.filter((draft) => draft.accepted !== undefined);
  const refused = decided.filter((draft) => draft.accepted === undefined);
  expect(log.length, "events in the log: the tree, and the accepted drafts").toBe(1 + accepted.length);
  expect([...authors.values()].toSorted(), "the drafts in the log").toEqual(
    accepted.map(({ draftId }) => draftId).toSorted(),
  );
  for (const { clientId, draftId, type, payload, accepted: verdict } of accepted) {
    const { event } = log[verdict!.eventId - 1]!;
    expect(authors.get(verdict!.eventId), `event ${verdict!.eventId}`).toBe(draftId);
    // The log is read without authors.
    const { author } = verdict!.event;
    expect(author === undefined ? event : { ...event, author }).toEqual(verdict!.event);
    expect(event).toMatchObject({ type, payload, clientId });
  }
  const inLog = new Set(authors.values());
  expect(refused.filter(({ draftId }) => inLog.has(draftId))).toEqual([]);

  const { state, eventIndex } = await readState(server, partition);
  const truth = canonicalJson(state);
  expect(eventIndex).toBe(log.length);
  expect(foldLog(insieme as AnyModel, log), "a fresh fold").toBe(truth);
  for (const { clientId, view, eventId, undecided, parked, verified } of reports) {
    expect({ clientId, eventId, undecided, parked, verified }).toEqual({
      clientId,
      eventId: log.length,
      undecided: 0,
      parked: 0,
      verified: true,
    });
    expect(view, `the view of ${clientId}`).toBe(truth);
  }
  return { accepted: accepted.length, refused: refused.length, head: log.length };
}

/** Each draft of an entry with its verdict. Throws if there is none. */
function decidedDraftsOf(clientId: string, { mode, drafts, verdict }: Submitted): DecidedDraft[] {
  if (drafts.length === 0) {
    // The client rejected it locally, or there was nothing to undo.
    expect(["rejected", "withdrawn"]).toContain(verdict.status);
    return [];
  }
  // An undo has withdrawn it: it must not be in the log.
  if (verdict.status === "withdrawn") return drafts.map((draft) => ({ ...draft, clientId, accepted: undefined }));
  expect(["accepted", "rejected"], `${clientId}: ${JSON.stringify(verdict)}`).toContain(verdict.status);
  if (mode === "single") {
    const accepted = verdict.status === "accepted" && "eventId" in verdict ? verdict : undefined;
    expect(accepted !== undefined || verdict.status === "rejected").toBe(true);
    return [{ ...drafts[0]!, clientId, accepted }];
  }
  if (!("results" in verdict)) throw new Error(`a batch without results: ${JSON.stringify(verdict)}`);
  const { results } = verdict;
  expect(results.map(({ draftId }) => draftId)).toEqual(drafts.map(({ draftId }) => draftId));
  const statuses = new Set(results.map(({ status }) => status));
  expect(statuses.size === 1 && statuses.has("accepted")).toBe(verdict.status === "accepted");
  if (mode === "atomic") expect(statuses.has("accepted")).toBe(verdict.status === "accepted");
  return drafts.map((draft, at) => {
    const result = results[at]!;
    return { ...draft, clientId, accepted: result.status === "accepted" ? result : undefined };
  });
}
