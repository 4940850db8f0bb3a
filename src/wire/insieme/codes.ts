import { type ErrorCode, isRetryable, type TracedFailure } from "../../protocol/index.ts";
import type { EndReason } from "../dialect.ts";

/** The codes of `error` on this wire. */
type WireCode =
  | "bad_request"
  | "auth_failed"
  | "forbidden"
  | "protocolVersion_unsupported"
  | "rate_limited"
  | "server_error";

/** The failures that are not `server_error`. A client of this wire connects again after that one, and after no other. */
const wireCodes: Partial<Record<ErrorCode, WireCode>> = {
  bad_request: "bad_request",
  payload_too_large: "bad_request",
  not_connected: "bad_request",
  already_connected: "bad_request",
  cursor_ahead: "bad_request",
  unauthenticated: "auth_failed",
  auth_expired: "auth_failed",
  auth_revoked: "auth_failed",
  forbidden: "forbidden",
  partition_mismatch: "forbidden",
  quota_exceeded: "forbidden",
  upgrade_required: "protocolVersion_unsupported",
  rate_limited: "rate_limited",
};

/** The code of a failure on this wire. */
export function wireCodeOf(code: ErrorCode): WireCode {
  return wireCodes[code] ?? "server_error";
}

const reasons: Partial<Record<ErrorCode, EndReason>> = {
  payload_too_large: "payload_too_large",
  unauthenticated: "unauthenticated",
  auth_expired: "auth_expired",
  auth_revoked: "auth_revoked",
  too_many_connections: "too_many_connections",
  draining: "draining",
  slow_consumer: "slow_consumer",
  upgrade_required: "unsupported",
};

/** Why the connection ends with an `error` of this failure; undefined: it goes on. `connected`: its `connect` was answered. */
export function endReasonOf(code: ErrorCode, connected: boolean): EndReason | undefined {
  const wireCode = wireCodeOf(code);
  if (wireCode === "bad_request") return reasons[code];
  if (wireCode === "forbidden") return connected ? undefined : "forbidden";
  return reasons[code] ?? "overloaded";
}

/** Why a draft is rejected on this wire. */
export function rejectionReasonOf(code: ErrorCode): "forbidden" | "validation_failed" {
  return wireCodeOf(code) === "forbidden" ? "forbidden" : "validation_failed";
}

/** Whether a failure passes while its connection goes on: what was refused is done again. */
export function passes(code: ErrorCode): boolean {
  return isRetryable(code) && reasons[code] === undefined;
}

/**
 * Whether a draft that was not processed because of this failure is open. Everything else is a rejection on this wire: a
 * client of it would send the draft again at once, and for ever.
 */
export function leavesOpen({ code }: TracedFailure): boolean {
  return isRetryable(code);
}
