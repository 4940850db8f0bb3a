import type { LogField, LogValues } from "./log-fields.ts";

// Every line that this program can log. docs/LOGS.md is made from this table.

/** How bad it is: `error` has to be looked at, `warn` may become one, `info` is normal. */
export type LogLevel = "info" | "warn" | "error";

interface LogKind {
  readonly level: LogLevel;
  /** The same for each line of the event: what differs is in fields. */
  readonly message: string;
  /** The fields that it can have, besides `common`. */
  readonly fields: readonly LogField[];
}

/** Any line can have them: whose it is. */
export const commonLogFields = ["traceId", "tenant", "partition"] as const satisfies readonly LogField[];

const kind = <const Fields extends readonly LogField[]>(level: LogLevel, message: string, ...fields: Fields) => ({
  level,
  message,
  fields,
});
const endpoint = ["endpoint", "state", "paused"] as const;
const effect = ["effectId", "correlationId"] as const;

/** The events of log lines, by name. A name is a promise to those who have a query or an alert on it: it is never reused. */
export const logEvents = {
  // Requests
  request_failed: kind("error", "a request failed", "principal", "draftId", "error"),
  poll_failed: kind("error", "a poll failed", "error"),
  model_failed: kind("error", "the model failed on a draft", "principal", "draftId", "correlationId", "error"),
  authorize_failed: kind("error", "the model failed to authorise", "principal", "error"),
  broadcast_failed: kind("error", "events could not be read for broadcasting", "error"),
  // Identity
  open_development_mode: kind(
    "warn",
    "OPEN DEVELOPMENT MODE: everyone on this machine may read and write every partition, as any user.",
  ),
  issuer_unreachable: kind("error", "the issuer's keys cannot be fetched", "reason"),
  tenant_unreachable: kind("error", "the tenant's object cannot be reached", "error"),
  audit_keys_invalid: kind("error", "the log is not sealed for audits", "reason"),
  author_secret_not_stored: kind("error", "the secret of pseudonyms could not be stored", "error"),
  // What is stored
  quarantined: kind("error", "quarantined: the log cannot be folded, or read", "eventId", "error"),
  storage_not_opened: kind("error", "the storage cannot be opened", "error"),
  tenant_storage_not_opened: kind("error", "the tenant's storage cannot be opened", "error"),
  metrics_not_read: kind("error", "metrics could not be read", "object", "error"),
  directory_full: kind("error", "the directory is full: a partition is not listed", "object"),
  almost_full: kind("warn", "almost full", "resource", "used", "max", "percent"),
  verify_finding: kind("error", "what is stored does not agree with the log", "eventId", "detail"),
  verified: kind("info", "the log was verified", "eventId", "count"),
  not_verified: kind("warn", "the log could not be verified", "code", "reason"),
  rebuilt: kind("info", "the state is folded from the log", "eventId", "of", "foldingMs", "storingMs"),
  snapshot_failed: kind("error", "a snapshot could not be written", "eventId", "error"),
  // Due work
  job_failed: kind("error", "a job failed", "kind", "key", "error"),
  job_not_scheduled: kind("error", "a failed job could not be scheduled", "error"),
  follow_up_failed: kind("error", "the follow-up of a job failed", "error"),
  alarm_failed: kind("error", "the alarm could not do its work", "error"),
  alarm_not_set: kind("error", "the alarm could not be set", "endpoint", "error"),
  sweep_not_scheduled: kind("error", "the sweep of connections could not be scheduled", "error"),
  rejections_swept: kind("info", "old rejections were deleted", "count"),
  timer_not_decided: kind("error", "the draft of a timer could not be decided", "timer", "correlationId", "code"),
  timer_rejected: kind("warn", "the draft of a timer was rejected", "timer", "correlationId", "code"),
  timer_damaged: kind("error", "a timer is damaged", "timer", "correlationId"),
  saga_failed: kind("error", "a saga stands still", "saga"),
  // Effects
  effects_not_read: kind("error", "effects could not be read", "error"),
  effects_not_sent: kind("error", "effects could not be sent", "error"),
  effects_not_recorded: kind("error", "a delivery could not be recorded", "error"),
  effects_wait: kind("warn", "effects wait for another attempt", "lane", ...effect, "code"),
  effect_damaged: kind("error", "an effect is damaged", "endpoint", "lane", "eventId", ...effect, "error"),
  effect_died: kind("error", "an effect has become a dead letter", ...effect, "destination", "reason", "detail"),
  effect_chain_too_long: kind("error", "a chain of effects is too long", ...effect),
  dead_letter_replayed: kind("info", "a dead letter is sent again", ...effect),
  dead_letter_discarded: kind("info", "a dead letter is discarded", ...effect),
  // Webhooks
  delivery_failed: kind("warn", "a delivery failed", "endpoint", ...effect, "attempt", "status", "reason", "died"),
  webhook_unwanted: kind("warn", "no endpoint takes webhooks of this type: they go nowhere", "destination"),
  courier_failed: kind("error", "a courier failed", "endpoint", "error"),
  courier_not_notified: kind("warn", "a courier could not be notified", "endpoint", "error"),
  webhooks_died: kind("warn", "effects became dead letters", "endpoint", "count", "reason"),
  dead_letters_deleted: kind("warn", "dead letters were deleted", "endpoint", "count"),
  endpoint_set: kind("info", "an endpoint was set", ...endpoint),
  endpoint_removed: kind("info", "an endpoint was removed", ...endpoint),
  endpoint_activated: kind("info", "an endpoint was activated", ...endpoint),
  endpoint_disabled: kind("warn", "an endpoint is disabled", "endpoint", "reason"),
  endpoint_rotated: kind("info", "the secret of an endpoint was rotated", ...endpoint),
  // What an administrator has changed
  admin_action: kind("info", "an administrator asks for something", "principal", "action", "reason", "details"),
  revoked: kind("info", "revoked", "kind", "id"),
  limits_set: kind("info", "limits were set", "override"),
  draining: kind("info", "draining", "seconds", "connections"),
  tenant_draining: kind("info", "the tenant is draining", "count"),
  drain_not_stored: kind("error", "a drain could not be stored", "error"),
  partition_not_notified: kind("warn", "a partition could not be notified", "error"),
} as const satisfies Readonly<Record<string, LogKind>>;

export type LogEvent = keyof typeof logEvents;

/** The fields that a line of an event can have. */
export type LogFields<Event extends LogEvent> = Pick<
  LogValues,
  (typeof logEvents)[Event]["fields"][number] | (typeof commonLogFields)[number]
>;

/** Writes a line for the operator. The fields hold no secret and no payload. */
export type Logger = <Event extends LogEvent>(event: Event, fields: LogFields<Event>) => void;
