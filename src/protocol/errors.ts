import type { Violation } from "./scan.ts";

interface ErrorKind {
  status: number;
  title: string;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  /** Whether this is a verdict on a draft: final, stored under its key, replayed to every retry. */
  verdict: boolean;
  /** The WebSocket close code, where the connection ends with this error. */
  close?: number;
}

/**
 * The one table of error codes. Codes are stable: clients branch on them. HTTP and WebSocket
 * render the same problem from it (RFC 9457).
 */
export const errorKinds = {
  bad_request: { status: 400, title: "Malformed request", retryable: false, verdict: false },
  payload_too_large: { status: 413, title: "Too large", retryable: false, verdict: false, close: 1009 },
  not_connected: { status: 409, title: "Not connected", retryable: false, verdict: false },
  already_connected: { status: 409, title: "Already connected", retryable: false, verdict: false },
  upgrade_expected: { status: 426, title: "WebSocket expected", retryable: false, verdict: false },
  not_found: { status: 404, title: "Not found", retryable: false, verdict: false },
  method_not_allowed: { status: 405, title: "Method not allowed", retryable: false, verdict: false },
  upgrade_required: { status: 426, title: "Newer client required", retryable: false, verdict: false },
  unauthenticated: { status: 401, title: "Not authenticated", retryable: false, verdict: false, close: 4401 },
  origin_not_allowed: { status: 403, title: "Origin not allowed", retryable: false, verdict: false },
  cursor_ahead: { status: 409, title: "Cursor ahead of the log", retryable: false, verdict: false },
  too_expensive: { status: 422, title: "Too expensive", retryable: false, verdict: false },
  validation_failed: { status: 422, title: "Validation failed", retryable: false, verdict: true },
  unknown_event_type: { status: 422, title: "Unknown event type", retryable: false, verdict: true },
  unknown_event_version: { status: 422, title: "Unknown event version", retryable: false, verdict: true },
  partition_mismatch: { status: 422, title: "Wrong partition", retryable: false, verdict: true },
  forbidden: { status: 403, title: "Forbidden", retryable: false, verdict: true },
  conflict: { status: 409, title: "Conflict", retryable: false, verdict: true },
  too_stale: { status: 409, title: "Expectation too old", retryable: false, verdict: true },
  precondition_required: { status: 428, title: "Expectation required", retryable: false, verdict: true },
  invariant_violated: { status: 422, title: "Invariant violated", retryable: false, verdict: true },
  idempotency_key_reused: { status: 422, title: "Key used before", retryable: false, verdict: false },
  draft_failed: { status: 500, title: "Draft failed", retryable: false, verdict: false },
  storage_unavailable: { status: 503, title: "Storage unavailable", retryable: true, verdict: false },
  schema_mismatch: { status: 503, title: "Storage schema mismatch", retryable: true, verdict: false },
  quarantined: { status: 503, title: "Partition quarantined", retryable: true, verdict: false },
  state_too_large: { status: 507, title: "State too large", retryable: false, verdict: false },
  overloaded: { status: 503, title: "Overloaded", retryable: true, verdict: false },
  slow_consumer: { status: 503, title: "Slow consumer", retryable: true, verdict: false, close: 1013 },
  partition_unavailable: { status: 503, title: "Partition unavailable", retryable: true, verdict: false },
  internal: { status: 500, title: "Internal error", retryable: false, verdict: false },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/**
 * A problem document (RFC 9457) with our members. `type` is relative to the server, which serves
 * a page for each code there.
 */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ErrorCode;
  traceId: string;
  /** Milliseconds since 1970. */
  timestamp: number;
  retryable: boolean;
  /** Seconds to wait before the next attempt, where `retryable`. */
  retryAfter?: number;
  /** Where a draft was refused: the first of these that objects decides. */
  layer?: Layer;
  errors?: Violation[];
  /** Of a conflict: the events in the way, oldest first; at most `limits.conflictIdsMax`. */
  conflictingEventIds?: number[];
  /** Of `cursor_ahead`: the last event there is. */
  currentEventIndex?: number;
}

/** The checks of a draft, in order. */
type Layer = "schema" | "permission" | "conflict" | "rule" | "invariant";

/** What went wrong, before it is known when and where it is told. */
export type Failure = Pick<Problem, "code" | "detail"> &
  Partial<Pick<Problem, "retryAfter" | "layer" | "errors" | "conflictingEventIds" | "currentEventIndex">>;

/** Builds the problem document of a failure. `instance` is the path of what it concerns. */
export function problem(failure: Failure, at: { instance: string; traceId: string; timestamp: number }): Problem {
  const kind: ErrorKind = errorKinds[failure.code];
  const { code, detail, ...extensions } = failure;
  return {
    type: `/problems/${code}`,
    title: kind.title,
    status: kind.status,
    detail,
    instance: at.instance,
    code,
    traceId: at.traceId,
    timestamp: at.timestamp,
    retryable: kind.retryable,
    ...extensions,
  };
}

/** The close code of an error that ends its connection; undefined where it stays open. */
export function closeCode(code: ErrorCode): number | undefined {
  const kind: ErrorKind = errorKinds[code];
  return kind.close;
}

/** Whether a failure with this code is a stored verdict. */
export function isVerdict(code: ErrorCode): boolean {
  return errorKinds[code].verdict;
}
