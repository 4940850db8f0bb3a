import type { ErrorCode } from "../protocol/index.ts";

/** What each code means, and what to do: the same texts as in docs/PROTOCOL.md, 7.2. Words in backticks are code. */
export const problemTexts: Readonly<Record<ErrorCode, string>> = {
  bad_request: "Not a valid message: correct what `errors` lists",
  payload_too_large: "Over 64 KiB; on a socket the connection ends with 1009",
  not_connected: "Send `connect`, wait for `connected`",
  already_connected: "One `connect` per connection",
  upgrade_required: "The partition uses another version of the model: reload the application",
  upgrade_expected: "This address is for WebSocket connections",
  not_found: "There is no such URL; or the connection over plain HTTP has ended: open a new one",
  method_not_allowed: "See `Allow`",
  unauthenticated: "The server cannot authenticate you; on a socket the connection ends with 4401",
  auth_expired: "The token has expired: get a new one; on a socket the connection ends with 4401",
  auth_revoked: "The token was revoked: sign in again; on a socket the connection ends with 4401",
  identity_unavailable: "It cannot be checked now whether a token is valid: try again",
  origin_not_allowed: "Pages from this origin may not connect",
  cursor_ahead: "The log is shorter than what you have seen: drop your copy and sync",
  log_replaced: "The log is another one than you have read: drop your copy and sync",
  too_expensive: "The read costs too much: request a state nearer to the head; a state that is too large is not hashed",
  snapshot_replaced: "A newer snapshot replaced it: send `sync` without `sinceEventId`, and load that one",
  validation_failed: "The shape is wrong, or a rule of the model rejects it: see `errors`",
  unknown_event_type: "The model has no such event type",
  unknown_event_version: "The version is newer than the server knows",
  partition_mismatch: "It names another partition than the one that it was sent to",
  forbidden:
    "The author lacks the permission, the state does not allow it, or the type is internal; a connection that may not read any more ends with 4403",
  conflict: "Sync, check the new state, submit again with a new id",
  too_stale: "`expectedEventId` is too old: sync, and submit again with a new id",
  precondition_required: "This type must state `expectedEventId`",
  invariant_violated: "It would violate an invariant of the model",
  draft_too_expensive: "It takes more work than one draft may on this state: change less at once, see `work`",
  idempotency_key_reused: "Use a new id for a new operation",
  draft_failed: "The model threw: report it",
  storage_unavailable: "The outcome is open: send the same draft again",
  schema_mismatch: "The server and its storage have different versions",
  model_mismatch:
    "The application has another model than the partition: `detail` names both. Waiting helps only during a deployment. Keep your drafts: they are decided when the models agree",
  quarantined:
    "An event is damaged, or the model cannot apply it: `detail` names it. Waiting does not fix it. Keep your drafts: they are decided when it is fixed. Intact events can be read",
  rebuilding:
    "The state is being computed from the log, see `rebuilding`: send the same again after `retryAfter`. The log can be read",
  too_many_timers: "There is no room for more timers: wait until some are due, or cancel some. Everything else goes on",
  storage_full: "There is no room for more events: ask for a higher limit, or start another partition. Reading goes on",
  state_too_large: "The state has reached its bound: delete something, or start another partition",
  overloaded: "Too much is asked for at once, `detail` says what: send the same again after `retryAfter`",
  rate_limited: "A rate limit is exceeded: send the same again after `retryAfter`",
  too_many_peers:
    "All places for presence are taken: others do not see yours. Send it again after `retryAfter`; nothing else changes",
  too_many_connections: "Close one of your connections first; on a socket the connection ends with 1013",
  quota_exceeded: "Your tenant has reached its quota",
  address_refused: "Messages may not be sent to this address: `detail` says why",
  challenge_failed: "The endpoint did not answer the challenge: `detail` says what was wrong",
  not_configured: "The server lacks a setting for this: `detail` names it",
  not_replayable: "The dead letter cannot be sent again: `detail` says why",
  read_only:
    "Nothing new is accepted here for a while, everything can be read: keep your drafts, and send them again after `retryAfter`",
  draining:
    "The partition is being moved: send the same again after `retryAfter`; on a socket the connection ends with 1012",
  slow_consumer: "The client did not read: the connection ends with 1013",
  partition_unavailable: "The partition did not answer: send the same again",
  internal: "An unexpected error: it is logged under the trace id",
};
