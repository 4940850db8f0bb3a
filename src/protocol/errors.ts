import type { Violation } from "./scan.ts";

/**
 * The one table of error codes, with their HTTP statuses. Codes are stable: clients branch on them. HTTP and WebSocket
 * render the same problem from it (RFC 9457). 429 and 503: the same request may succeed later.
 */
export const errorStatuses = {
  bad_request: 400,
  payload_too_large: 413,
  not_connected: 409,
  already_connected: 409,
  upgrade_expected: 426,
  not_found: 404,
  method_not_allowed: 405,
  upgrade_required: 426,
  unauthenticated: 401,
  auth_expired: 401,
  auth_revoked: 401,
  identity_unavailable: 503,
  origin_not_allowed: 403,
  cursor_ahead: 409,
  log_replaced: 409,
  too_expensive: 422,
  snapshot_replaced: 410,
  validation_failed: 422,
  unknown_event_type: 422,
  unknown_event_version: 422,
  partition_mismatch: 422,
  forbidden: 403,
  conflict: 409,
  too_stale: 409,
  precondition_required: 428,
  invariant_violated: 422,
  draft_too_expensive: 422,
  idempotency_key_reused: 422,
  draft_failed: 500,
  storage_unavailable: 503,
  schema_mismatch: 503,
  model_mismatch: 503,
  quarantined: 503,
  rebuilding: 503,
  state_too_large: 507,
  storage_full: 507,
  too_many_timers: 507,
  overloaded: 503,
  rate_limited: 429,
  too_many_connections: 429,
  too_many_peers: 429,
  quota_exceeded: 403,
  address_refused: 422,
  challenge_failed: 422,
  not_configured: 501,
  not_replayable: 409,
  read_only: 503,
  draining: 503,
  slow_consumer: 503,
  partition_unavailable: 503,
  internal: 500,
} satisfies Record<string, number>;

export type ErrorCode = keyof typeof errorStatuses;

/** Errors that end the connection. */
const endingCodes = [
  "payload_too_large",
  "unauthenticated",
  "auth_expired",
  "auth_revoked",
  "too_many_connections",
  "draining",
  "slow_consumer",
] as const satisfies readonly ErrorCode[];

/** The codes that end a connection. */
export type EndingCode = (typeof endingCodes)[number];

/** Verdicts on a draft: final, stored under its key, and replayed for every retry. */
const verdictCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "validation_failed",
  "unknown_event_type",
  "unknown_event_version",
  "partition_mismatch",
  "forbidden",
  "conflict",
  "too_stale",
  "precondition_required",
  "invariant_violated",
  "draft_too_expensive",
]);

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
    policy:
      | "principal"
      | "principal-bytes"
      | "replays"
      | "event-type"
      | "tenant"
      | "reads"
      | "new-partitions"
      | "administration";
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

/** Where and when a failure has come about. `instance`: the path of what it concerns. */
export interface ProblemPlace {
  instance: string;
  traceId: string;
  timestamp: number;
}

/** Builds the problem document of a failure. */
export function problem(failure: Failure, at: ProblemPlace): Problem {
  return problemWith(errorStatuses[failure.code], failure, at);
}

/** The same, with the status that the table has for its code: clients know only those that they need. */
export function problemWith(status: number, failure: Failure, at: ProblemPlace): Problem {
  const { code, detail, ...extensions } = failure;
  return {
    type: `/problems/${code}`,
    title: titleOf(code),
    status,
    detail,
    instance: at.instance,
    code,
    traceId: at.traceId,
    timestamp: at.timestamp,
    retryable: isRetryableStatus(status),
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

/** Whether the same request may succeed later. */
export function isRetryable(code: ErrorCode): boolean {
  return isRetryableStatus(errorStatuses[code]);
}

/** Whether a draft was refused with this code because something is full: the same one is accepted where that has become less. */
export function lacksRoom(code: ErrorCode): boolean {
  return errorStatuses[code] === 507;
}

function isRetryableStatus(status: number): boolean {
  return status === 429 || status === 503;
}

/** Whether this error ends the connection. */
export function endsConnection(code: ErrorCode): code is EndingCode {
  return (endingCodes as readonly ErrorCode[]).includes(code);
}

/** Whether a failure with this code is a stored verdict. */
export function isVerdict(code: ErrorCode): boolean {
  return verdictCodes.has(code);
}
