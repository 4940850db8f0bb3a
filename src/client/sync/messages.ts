import type { JsonObject, ServerMessage, WireBatchResult } from "../../protocol/index.ts";
import type { QueueEntry } from "../stores/store.ts";
import { clientProblem } from "./problem.ts";
import type { MemberVerdict } from "./verdict.ts";

/** The message of one type. */
export type MessageOf<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

/** The message that submits an entry. */
export function submissionOf({ key, mode, drafts }: QueueEntry): [type: string, payload: JsonObject] {
  // JSON leaves out what is undefined.
  const events = drafts.map(
    ({ draftId, type, payload, version, expectedEventId }) =>
      ({ draftId, event: { type, payload, version }, expectedEventId }) as JsonObject,
  );
  return mode === "single" ? ["submit_event", events[0]!] : ["submit_events", { batchId: key, mode, events }];
}

/** The verdict on one draft of a batch. */
export function memberVerdictOf(result: WireBatchResult): MemberVerdict {
  const { draftId } = result;
  if (result.status === "accepted")
    return { draftId, status: "accepted", eventId: result.eventId, event: result.event };
  if (!("code" in result)) return { draftId, status: "not_processed" };
  // Here `status` is the outcome of the draft. The HTTP status of the problem follows from its code.
  const { status, draftId: _, ...rest } = result;
  return { draftId, status, problem: clientProblem(rest, rest) };
}
