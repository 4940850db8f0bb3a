import type { logEventFields, commonLogFields } from "./log-event-fields.ts";
import type { LogValues } from "./log-fields.ts";

// Every line that this program can log. docs/guide/logs.md is made from these tables.

/**
 * Log lines by the names of their events: how bad it is (`error` has to be looked at, `warn` may become one, `info` is
 * normal), and the message, the same for each line of the event: what differs is in fields. A name is a promise to those
 * who have a query or an alert on it: it is never reused.
 */
export type LogKinds = Readonly<Record<string, readonly [level: "info" | "warn" | "error", message: string]>>;

/** Those that a Worker without parts can write. */
export const ownLogs = {
  // Requests
  request_failed: ["error", "a request failed"],
  poll_failed: ["error", "a poll failed"],
  model_failed: ["error", "the model failed on a draft"],
  authorize_failed: ["error", "the model failed to authorise"],
  broadcast_failed: ["error", "events could not be read for broadcasting"],
  // Identity
  open_development_mode: [
    "warn",
    "OPEN DEVELOPMENT MODE: everyone on this machine may read and write every partition, as any user.",
  ],
  issuer_unreachable: ["error", "the issuer's keys cannot be fetched"],
  tenant_unreachable: ["error", "the tenant's object cannot be reached"],
  author_secret_not_stored: ["error", "the secret of pseudonyms could not be stored"],
  // What is stored
  quarantined: ["error", "quarantined: the log cannot be folded, or read"],
  storage_not_opened: ["error", "the storage cannot be opened"],
  tenant_storage_not_opened: ["error", "the tenant's storage cannot be opened"],
  almost_full: ["warn", "almost full"],
  verify_finding: ["error", "what is stored does not agree with the log"],
  verified: ["info", "the log was verified"],
  not_verified: ["warn", "the log could not be verified"],
  rebuilt: ["info", "the state is folded from the log"],
  snapshot_failed: ["error", "a snapshot could not be written"],
  // Due work
  job_failed: ["error", "a job failed"],
  job_not_scheduled: ["error", "a failed job could not be scheduled"],
  follow_up_failed: ["error", "the follow-up of a job failed"],
  alarm_failed: ["error", "the alarm could not do its work"],
  alarm_not_set: ["error", "the alarm could not be set"],
  sweep_not_scheduled: ["error", "the sweep of connections could not be scheduled"],
  rejections_swept: ["info", "old rejections were deleted"],
  saga_failed: ["error", "a saga stands still"],
  // Effects
  effects_not_sent: ["error", "effects could not be sent"],
  // Administrators
  admin_action: ["info", "an administrator asks for something"],
} as const satisfies LogKinds;

/** Those of the part `effectsAndTimers`. */
export const effectLogs = {
  effects_not_read: ["error", "effects could not be read"],
  effects_not_recorded: ["error", "a delivery could not be recorded"],
  effects_wait: ["warn", "effects wait for another attempt"],
  effect_damaged: ["error", "an effect is damaged"],
  effect_died: ["error", "an effect has become a dead letter"],
  effect_chain_too_long: ["error", "a chain of effects is too long"],
  dead_letter_replayed: ["info", "a dead letter is sent again"],
  dead_letter_discarded: ["info", "a dead letter is discarded"],
  timer_not_decided: ["error", "the draft of a timer could not be decided"],
  timer_rejected: ["warn", "the draft of a timer was rejected"],
  timer_damaged: ["error", "a timer is damaged"],
} as const satisfies LogKinds;

/** Those of the part `webhooks`. */
export const webhookLogs = {
  delivery_failed: ["warn", "a delivery failed"],
  webhook_unwanted: ["warn", "no endpoint takes webhooks of this type: they go nowhere"],
  courier_failed: ["error", "a courier failed"],
  courier_not_notified: ["warn", "a courier could not be notified"],
  webhooks_died: ["warn", "effects became dead letters"],
  dead_letters_deleted: ["warn", "dead letters were deleted"],
  endpoint_set: ["info", "an endpoint was set"],
  endpoint_removed: ["info", "an endpoint was removed"],
  endpoint_activated: ["info", "an endpoint was activated"],
  endpoint_disabled: ["warn", "an endpoint is disabled"],
  endpoint_rotated: ["info", "the secret of an endpoint was rotated"],
} as const satisfies LogKinds;

/** Those of the part `metrics`. */
export const metricsLogs = {
  metrics_not_read: ["error", "metrics could not be read"],
  directory_full: ["error", "the directory is full: a partition is not listed"],
} as const satisfies LogKinds;

/** Those of the part `administration`. */
export const administrationLogs = {
  revoked: ["info", "revoked"],
  limits_set: ["info", "limits were set"],
  draining: ["info", "draining"],
  tenant_draining: ["info", "the tenant is draining"],
  drain_not_stored: ["error", "a drain could not be stored"],
  partition_not_notified: ["warn", "a partition could not be notified"],
} as const satisfies LogKinds;

/** Those of the part `audit`. */
export const auditLogs = {
  audit_keys_invalid: ["error", "the log is not sealed for audits"],
} as const satisfies LogKinds;

export type LogEvent = keyof (typeof ownLogs &
  typeof effectLogs &
  typeof webhookLogs &
  typeof metricsLogs &
  typeof administrationLogs &
  typeof auditLogs);

/** The fields that a line of an event can have. */
export type LogFields<Event extends LogEvent> = Pick<
  LogValues,
  (typeof logEventFields)[Event][number] | (typeof commonLogFields)[number]
>;

/** Writes a line for the operator. The fields hold no secret and no payload. */
export type Logger = <Event extends LogEvent>(event: Event, fields: LogFields<Event>) => void;
