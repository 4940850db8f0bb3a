import { canonicalJson, type Failure, type JsonObject, type Problem } from "../../protocol/index.ts";
import { sameBytes } from "../../storage/bytes.ts";
import type { BatchRow, EventRow, RejectionRow, StorageReads, StorageWrites } from "../../storage/port.ts";
import { expired } from "../jobs/due.ts";
import type { Outcome, Rejection } from "../replies.ts";
import type { Ports } from "../ports.ts";
import { contentOf, type Review } from "./review.ts";

/** What a key was used for before. */
export type Prior =
  | { kind: "event"; row: EventRow }
  | { kind: "rejection"; row: RejectionRow }
  | { kind: "batch"; row: BatchRow };

/** The verdict that this principal's key has already, if any. */
export function findPrior(reads: StorageReads, principal: string, draftId: string): Prior | undefined {
  const event = reads.events.find(principal, draftId);
  if (event) return { kind: "event", row: event };
  const rejection = reads.rejections.find(principal, draftId);
  if (rejection) return { kind: "rejection", row: rejection };
  const batch = reads.batches.find(principal, draftId);
  return batch && { kind: "batch", row: batch };
}

/**
 * Forgets a rejection of this key that is past its retention, only not swept yet, and says whether
 * there was one. What comes under the key now is judged for the first time.
 */
export function forgetExpired(review: Review, key: string, writes: StorageWrites): boolean {
  const rejection = review.reads.rejections.find(review.author.principal, key);
  if (!rejection || !expired(rejection, review.now)) return false;
  writes.rejections.forget(rejection.recordId);
  return true;
}

/**
 * The answer to a key that was used before: the first answer again, byte for byte, or, for other
 * content, a refusal that leaves the first record as it is.
 */
export function replay(prior: Prior, review: Review, ports: Ports): Outcome | Failure {
  switch (prior.kind) {
    case "event": {
      const same = canonicalJson(contentOf(review.draft)) === canonicalJson(contentOfEvent(prior.row));
      return same ? { kind: "accepted", event: prior.row, replayed: true } : keyReused;
    }
    case "rejection": {
      const same = sameBytes(fingerprintOf(review, ports), prior.row.fingerprint);
      return same ? { kind: "rejected", rejection: rejectionOf(prior.row), replayed: true } : keyReused;
    }
    case "batch":
      return keyReused;
  }
}

/** The refusal of a key that comes again for something else; the first record stands. */
export const keyReused: Failure = {
  code: "idempotency_key_reused",
  detail: "This id was used before, for something else: take a new id for a new operation.",
};

/** SHA-256 of the canonical content. */
export function fingerprintOf(review: Review, ports: Ports): Uint8Array {
  return ports.sha256(canonicalJson(contentOf(review.draft)));
}

/** A stored rejection as it is told. */
export function rejectionOf(row: Pick<RejectionRow, "recordId" | "problem">): Rejection {
  return { messageId: `r-${row.recordId}`, problem: JSON.parse(row.problem) as Problem };
}

function contentOfEvent(row: EventRow): JsonObject {
  const content: JsonObject = { type: row.type, payload: JSON.parse(row.payload) as JsonObject };
  if (row.version !== undefined) content["version"] = row.version;
  if (row.expectedEventId !== undefined) content["expectedEventId"] = row.expectedEventId;
  return content;
}
