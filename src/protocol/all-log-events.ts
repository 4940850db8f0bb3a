import {
  administrationLogs,
  auditLogs,
  effectLogs,
  type LogEvent,
  type LogKinds,
  metricsLogs,
  ownLogs,
  webhookLogs,
} from "./log-events.ts";

/** All events of log lines: a Worker has only those of its parts. */
export const logEvents: Readonly<Record<LogEvent, LogKinds[string]>> = {
  ...ownLogs,
  ...effectLogs,
  ...webhookLogs,
  ...metricsLogs,
  ...administrationLogs,
  ...auditLogs,
};
