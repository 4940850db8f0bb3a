import type { LogField } from "./log-fields.ts";

// Apart from the events: a Worker needs only the types of these.

/** Any line can have them: whose it is. */
export const commonLogFields = ["traceId", "tenant", "partition"] as const satisfies readonly LogField[];

const endpoint = ["endpoint", "state", "paused"] as const;
const effect = ["effectId", "correlationId"] as const;

/** The fields that a line of an event of `logEvents` can have, besides `commonLogFields`. */
export const logEventFields = {
  // Requests
  request_failed: ["principal", "draftId", "error"],
  poll_failed: ["error"],
  model_failed: ["principal", "draftId", "correlationId", "error"],
  authorize_failed: ["principal", "error"],
  broadcast_failed: ["error"],
  // Identity
  open_development_mode: [],
  issuer_unreachable: ["reason"],
  tenant_unreachable: ["error"],
  audit_keys_invalid: ["reason"],
  author_secret_not_stored: ["error"],
  // What is stored
  quarantined: ["eventId", "error"],
  storage_not_opened: ["error"],
  tenant_storage_not_opened: ["error"],
  metrics_not_read: ["object", "error"],
  directory_full: ["object"],
  almost_full: ["resource", "used", "max", "percent"],
  verify_finding: ["eventId", "detail"],
  verified: ["eventId", "count"],
  not_verified: ["code", "reason"],
  rebuilt: ["eventId", "of", "foldingMs", "storingMs"],
  snapshot_failed: ["eventId", "error"],
  // Due work
  job_failed: ["kind", "key", "error"],
  job_not_scheduled: ["error"],
  follow_up_failed: ["error"],
  alarm_failed: ["error"],
  alarm_not_set: ["endpoint", "error"],
  sweep_not_scheduled: ["error"],
  rejections_swept: ["count"],
  timer_not_decided: ["timer", "correlationId", "code"],
  timer_rejected: ["timer", "correlationId", "code"],
  timer_damaged: ["timer", "correlationId"],
  saga_failed: ["saga"],
  // Effects
  effects_not_read: ["error"],
  effects_not_sent: ["error"],
  effects_not_recorded: ["error"],
  effects_wait: ["lane", ...effect, "code"],
  effect_damaged: ["endpoint", "lane", "eventId", ...effect, "error"],
  effect_died: [...effect, "destination", "reason", "detail"],
  effect_chain_too_long: [...effect],
  dead_letter_replayed: [...effect],
  dead_letter_discarded: [...effect],
  // Webhooks
  delivery_failed: ["endpoint", ...effect, "attempt", "status", "reason", "died"],
  webhook_unwanted: ["destination"],
  courier_failed: ["endpoint", "error"],
  courier_not_notified: ["endpoint", "error"],
  webhooks_died: ["endpoint", "count", "reason"],
  dead_letters_deleted: ["endpoint", "count"],
  endpoint_set: [...endpoint],
  endpoint_removed: [...endpoint],
  endpoint_activated: [...endpoint],
  endpoint_disabled: ["endpoint", "reason"],
  endpoint_rotated: [...endpoint],
  // What an administrator has changed
  admin_action: ["principal", "action", "reason", "details"],
  revoked: ["kind", "id"],
  limits_set: ["override"],
  draining: ["seconds", "connections"],
  tenant_draining: ["count"],
  drain_not_stored: ["error"],
  partition_not_notified: ["error"],
} as const satisfies Readonly<Record<string, readonly LogField[]>>;
