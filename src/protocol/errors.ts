import type { Violation } from "./scan.ts";

interface ErrorKind {
  status: number;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  /** Whether this is a verdict on a draft: final, stored under its key, and replayed for every retry. */
  verdict: boolean;
  /** Whether this error ends the connection. */
  ends?: true;
}

const refusal = (status: number): ErrorKind => ({ status, retryable: false, verdict: false });
/** A refusal that ends its connection. */
const ending = (status: number): ErrorKind & { ends: true } => ({ ...refusal(status), ends: true });
const verdict = (status: number): ErrorKind => ({ status, retryable: false, verdict: true });
/** A refusal that is retryable. */
const passing = (status: number): ErrorKind => ({ status, retryable: true, verdict: false });

/**
 * The one table of error codes. Codes are stable: clients branch on them. HTTP and WebSocket
 * render the same problem from it (RFC 9457).
 */
export const errorKinds = {
  bad_request: refusal(400),
  payload_too_large: ending(413),
  not_connected: refusal(409),
  already_connected: refusal(409),
  upgrade_expected: refusal(426),
  not_found: refusal(404),
  method_not_allowed: refusal(405),
  upgrade_required: refusal(426),
  unauthenticated: ending(401),
  auth_expired: ending(401),
  auth_revoked: ending(401),
  identity_unavailable: passing(503),
  origin_not_allowed: refusal(403),
  cursor_ahead: refusal(409),
  log_replaced: refusal(409),
  too_expensive: refusal(422),
  snapshot_replaced: refusal(410),
  validation_failed: verdict(422),
  unknown_event_type: verdict(422),
  unknown_event_version: verdict(422),
  partition_mismatch: verdict(422),
  forbidden: verdict(403),
  conflict: verdict(409),
  too_stale: verdict(409),
  precondition_required: verdict(428),
  invariant_violated: verdict(422),
  draft_too_expensive: verdict(422),
  idempotency_key_reused: refusal(422),
  draft_failed: refusal(500),
  storage_unavailable: passing(503),
  schema_mismatch: passing(503),
  quarantined: passing(503),
  rebuilding: passing(503),
  state_too_large: refusal(507),
  storage_full: refusal(507),
  overloaded: passing(503),
  rate_limited: passing(429),
  too_many_connections: { ...passing(429), ends: true },
  too_many_peers: passing(429),
  quota_exceeded: refusal(403),
  draining: { ...passing(503), ends: true },
  slow_consumer: { ...passing(503), ends: true },
  partition_unavailable: passing(503),
  internal: refusal(500),
} satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof errorKinds;

/** The codes that end a connection. */
export type EndingCode = {
  [Code in ErrorCode]: (typeof errorKinds)[Code] extends { ends: true } ? Code : never;
}[ErrorCode];

/**
 * A problem document (RFC 9457) with our members. `type` is a path on the server, which serves
 * a page for each code.
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
  /** Seconds to wait before the next attempt, if `retryable`. */
  retryAfter?: number;
  /** The check that refused the draft: the first that fails decides. */
  layer?: Layer;
  errors?: Violation[];
  /** For `conflict`: the conflicting events, oldest first; at most `bounds.conflictIdsMax`. */
  conflictingEventIds?: number[];
  /** For `cursor_ahead`: the last event of the log. */
  currentEventIndex?: number;
  /** For `draft_too_expensive`: the units of work that were counted until it was refused, and the bound. */
  work?: { counted: number; max: number };
  /** For `rebuilding`: the last event that is in the state, and the last one of the log. */
  rebuilding?: { eventId: number; of: number };
  /** For `rate_limited`: the limit, `quota` in `windowSeconds`. */
  rateLimit?: {
    policy: "principal" | "principal-bytes" | "replays" | "event-type" | "tenant" | "reads";
    quota: number;
    windowSeconds: number;
  };
}

/** The checks of a draft, in order. */
type Layer = "schema" | "permission" | "conflict" | "rule" | "invariant";

/** An error before it is rendered as a problem: without trace id and time. */
export type Failure = Pick<Problem, "code" | "detail"> &
  Partial<
    Pick<
      Problem,
      | "retryAfter"
      | "layer"
      | "errors"
      | "conflictingEventIds"
      | "currentEventIndex"
      | "work"
      | "rebuilding"
      | "rateLimit"
    >
  >;

/** A failure with its trace id and its time (milliseconds since 1970). */
export interface TracedFailure extends Failure {
  traceId: string;
  timestamp: number;
}

/** Builds the problem document of a failure. `instance` is the path of what it concerns. */
export function problem(failure: Failure, at: { instance: string; traceId: string; timestamp: number }): Problem {
  const kind: ErrorKind = errorKinds[failure.code];
  const { code, detail, ...extensions } = failure;
  return {
    type: `/problems/${code}`,
    title: titleOf(failure.code),
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

/** The path of a partition: the `instance` of its problems. */
export function partitionPath(partition: string): string {
  return `/v1/partitions/${partition}`;
}

/** The problem document of a failure of a partition. */
export function partitionProblem(failure: TracedFailure, partition: string): Problem {
  const { traceId, timestamp } = failure;
  return problem(failure, { instance: partitionPath(partition), traceId, timestamp });
}

/** The title of a code: the code as words. */
export function titleOf(code: string): string {
  return code[0]!.toUpperCase() + code.slice(1).replaceAll("_", " ");
}

/** Whether this error ends the connection. */
export function endsConnection(code: ErrorCode): code is EndingCode {
  const kind: ErrorKind = errorKinds[code];
  return kind.ends === true;
}

/** Whether a failure with this code is a stored verdict. */
export function isVerdict(code: ErrorCode): boolean {
  return errorKinds[code].verdict;
}
