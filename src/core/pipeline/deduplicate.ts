import { canonicalJson, type Failure, type JsonObject, type Problem } from "../../protocol/index.ts";
import { sameBytes } from "../../storage/bytes.ts";
import type { EventRow, RejectionRow, StorageReads } from "../../storage/port.ts";
import type { Outcome, Rejection } from "../effects.ts";
import type { Ports } from "../ports.ts";
import { contentOf, type Review } from "./review.ts";

/** What a key was used for before. */
export type Prior = { kind: "event"; row: EventRow } | { kind: "rejection"; row: RejectionRow };

/** The verdict that this principal's key has already, if any. */
export function findPrior(reads: StorageReads, principal: string, draftId: string): Prior | undefined {
  const event = reads.findEvent(principal, draftId);
  if (event) return { kind: "event", row: event };
  const rejection = reads.findRejection(principal, draftId);
  return rejection && { kind: "rejection", row: rejection };
}

/**
 * The answer to a key that was used before: the first answer again, byte for byte, or, for other
 * content, a refusal that leaves the first record as it is.
 */
export function replay(prior: Prior, review: Review, ports: Ports): Outcome | Failure {
  const same =
    prior.kind === "event"
      ? canonicalJson(contentOf(review.draft)) === canonicalJson(contentOfEvent(prior.row))
      : sameBytes(fingerprintOf(review, ports), prior.row.fingerprint);
  if (!same) {
    return {
      code: "idempotency_key_reused",
      detail: "This id was used before, for something else: take a new id for a new operation.",
    };
  }
  if (prior.kind === "event") return { kind: "accepted", event: prior.row, replayed: true };
  return { kind: "rejected", rejection: rejectionOf(prior.row), replayed: true };
}

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
