import type { Author } from "../../protocol/index.ts";
import { keyHolderOf, type Submission } from "../commands.ts";
import { describe } from "../ports.ts";
import type { WriteContext } from "../window/context.ts";
import { fingerprintOf } from "./deduplicate.ts";
import type { ModelFault } from "./model-fault.ts";

/** Stores the rejection of a submission and counts it. Returns its record id. */
export function recordRejection(
  { live, writes, ports, now }: WriteContext,
  author: Author,
  submission: Submission,
  text: string,
): number {
  const holder = keyHolderOf(author, submission);
  live.rejections.makeRoom(ports.storage, writes, { ...author, principal: holder });
  const recordId = writes.rejections.record({
    principal: holder,
    draftId: submission.key,
    fingerprint: fingerprintOf(submission, ports),
    problem: text,
    createdAt: now,
    judgedAt: live.head.eventId,
  });
  live.rejections.add({ ...author, principal: holder }, text);
  return recordId;
}

/** Logs that the model failed on a draft of a submission: its author receives only the trace id. */
export function logModelFault(
  { name, ports }: WriteContext,
  principal: string,
  { key, drafts }: Submission,
  traceId: string,
  fault: ModelFault,
): void {
  ports.log("model_failed", {
    ...name,
    principal,
    draftId: key,
    // Of an effect or a timer, whose drafts are decided one by one.
    correlationId: drafts[0]?.cause?.correlationId,
    traceId: drafts[0]?.cause?.traceId ?? traceId,
    error: describe(fault.cause),
  });
}
