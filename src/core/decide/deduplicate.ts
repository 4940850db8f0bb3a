import { canonicalJson } from "../../protocol/canonical.ts";
import type { Failure, Json, JsonObject } from "../../protocol/index.ts";
import { sameBytes } from "../../storage/bytes.ts";
import type { BatchRow, EventRow, RejectionRow, StorageReads } from "../../storage/port.ts";
import type { Draft, Submission } from "../commands.ts";
import { logRange, payloadOf } from "../fold.ts";
import { hexOf } from "../hex.ts";
import { isPastRetention } from "../jobs/sweep-records.ts";
import type { Outcome, Verdict } from "../replies.ts";
import type { Ports } from "../ports.ts";
import type { WindowContext, WriteContext } from "../window/context.ts";
import { rejectedVerdict } from "./rejection-text.ts";

/** What a key was used for before. */
type Prior =
  | { kind: "event"; row: EventRow }
  | { kind: "rejection"; row: RejectionRow }
  | { kind: "batch"; row: BatchRow };

/** What this principal's key was used for at `now`, if anything. A rejection past its retention does not count. */
function findPrior(reads: StorageReads, principal: string, key: string, now: number): Prior | undefined {
  const event = reads.events.find(principal, key);
  if (event) return { kind: "event", row: event };
  const rejection = reads.rejections.find(principal, key);
  if (rejection) return isPastRetention(rejection, now) ? undefined : { kind: "rejection", row: rejection };
  const batch = reads.batches.find(principal, key);
  return batch && { kind: "batch", row: batch };
}

/** Whether this principal's key was used before. */
export function isUsed({ ports, now }: WindowContext, principal: string, key: string): boolean {
  return findPrior(ports.storage, principal, key, now) !== undefined;
}

/**
 * Deletes the rejection of this key if it is past its retention and not swept yet. Returns whether there was one:
 * then the key is new again.
 */
export function deletePastRetention({ ports, writes, now }: WriteContext, principal: string, key: string): boolean {
  const rejection = ports.storage.rejections.find(principal, key);
  if (!rejection || !isPastRetention(rejection, now)) return false;
  writes.rejections.forget(rejection.recordId);
  return true;
}

/**
 * The answer to a submission whose key was used before, undefined for a new key: the first answer again, byte for
 * byte; for other content `keyReused`, and the first record stays as it is. That answer, too, is made of nothing but
 * what is stored, so that it is the same each time.
 */
export function answerAgain(context: WindowContext, principal: string, submission: Submission): Outcome | undefined {
  const { ports, now } = context;
  const { key, mode } = submission;
  const prior = findPrior(ports.storage, principal, key, now);
  if (!prior) return undefined;
  const verdict = storedVerdict(prior, submission, ports);
  if (verdict && verdict !== "lost") return { kind: "decided", verdict, replayed: true };
  const traced = { traceId: reuseTraceId(principal, key, ports), timestamp: timeOf(prior, ports) };
  if (verdict) return { kind: "refused", failure: { ...lostRejection, ...traced } };
  const failure = { ...keyReused, ...traced };
  if (mode === "atomic") return { kind: "refused", failure };
  const results = [{ kind: "rejected", draftId: key, failure } as const];
  return { kind: "decided", verdict: { timestamp: failure.timestamp, results }, replayed: true };
}

/** When the key was first used. */
function timeOf({ kind, row }: Prior, { storage }: Ports): number {
  if (kind === "event") return row.timestamp;
  return kind === "rejection" ? row.createdAt : storage.events.after(row.firstEventId - 1, 1, 1)[0]!.timestamp;
}

/** What is answered where a draft was rejected, and what was answered then is damaged. It is certain that nothing was done. */
const lostRejection: Failure = {
  code: "internal",
  detail: "This id was rejected before, and the stored reason is damaged. Take a new id, and submit again.",
};

/** The trace id of every reuse of this key: nothing is stored and nothing is logged for one. */
function reuseTraceId(principal: string, key: string, { sha256 }: Ports): string {
  return hexOf(sha256(JSON.stringify(["reused", principal, key]))).slice(0, 32);
}

/** The verdict that was given; undefined for other content. "lost": it cannot be read any more. */
function storedVerdict(prior: Prior, submission: Submission, ports: Ports): Verdict | "lost" | undefined {
  if (prior.kind === "event") {
    payloadOf(prior.row);
    return hasContent(prior.row, submission, ports) ? acceptedVerdict([prior.row]) : undefined;
  }
  if (!sameBytes(fingerprintOf(submission, ports), prior.row.fingerprint)) return undefined;
  if (prior.kind === "batch") {
    const before = prior.row.firstEventId - 1;
    const rows = [...logRange(ports.storage, before, before + prior.row.eventCount)];
    rows.forEach(payloadOf);
    return acceptedVerdict(rows);
  }
  const { recordId, problem } = prior.row;
  return problem === undefined ? "lost" : rejectedVerdict(submission, { recordId, problem });
}

/** The verdict on what was accepted: its events. */
export function acceptedVerdict(rows: readonly EventRow[]): Verdict {
  return { timestamp: rows[0]!.timestamp, results: rows.map((event) => ({ kind: "accepted", event })) };
}

/** The failure of a key that comes again with other content; the first record stands. */
export const keyReused: Failure = {
  code: "idempotency_key_reused",
  detail: "This id was used before, for something else: take a new id for a new operation.",
};

/** SHA-256 of the canonical content. */
export function fingerprintOf(submission: Submission, { sha256 }: Pick<Ports, "sha256">): Uint8Array {
  return sha256(canonicalJson(contentOf(submission)));
}

/** The content that a key stands for: what a retry must repeat. */
function contentOf({ mode, drafts }: Submission): Json {
  if (mode === "single") return contentOfDraft(drafts[0]!);
  return { mode, events: drafts.map((draft) => ({ draftId: draft.draftId, ...contentOfDraft(draft) })) };
}

/** `event.partition` is routing, not content. */
function contentOfDraft(draft: Draft): JsonObject {
  const { type, version, payload } = draft.event;
  const content: JsonObject = { type };
  if (version !== undefined) content["version"] = version;
  if (payload !== undefined) content["payload"] = payload;
  if (draft.expectedEventId !== undefined) content["expectedEventId"] = draft.expectedEventId as Json;
  if (draft.annotations) content["annotations"] = { ...draft.annotations } as JsonObject;
  return content;
}

/** Whether this is what was submitted as the event. */
function hasContent(row: EventRow, submission: Submission, ports: Ports): boolean {
  return row.fingerprint
    ? sameBytes(fingerprintOf(submission, ports), row.fingerprint)
    : canonicalJson(contentOf(submission)) === canonicalJson(contentOfEvent(row));
}

/** The content of an event that was committed as submitted. */
function contentOfEvent(row: EventRow): JsonObject {
  const content: JsonObject = { type: row.type, payload: payloadOf(row) };
  if (row.version !== undefined) content["version"] = row.version;
  if (row.expectedEventId !== undefined) content["expectedEventId"] = row.expectedEventId;
  if (row.annotations) content["annotations"] = { ...row.annotations } as JsonObject;
  return content;
}
