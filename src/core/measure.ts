/**
 * What a partition counts. Each figure only grows.
 *
 * There are no durations of what runs within a turn: the clock stands still there. `commit_ms` is taken around real
 * output, of one commit a second.
 */
export type Counter =
  /** Transactions of a window, and those that failed. */
  | "windows"
  | "window_failures"
  /** Committed events. */
  | "events"
  /** Rejected drafts, by code. */
  | "rejections"
  /** Drafts and batches whose first answer was given again; and keys that were used for something else. */
  | "replays"
  | "reused_keys"
  /** What was refused, by code: not a verdict. */
  | "refusals"
  /** Connections and streams that began. */
  | "connections"
  /** How often the state was loaded from the storage. */
  | "loads"
  /** Jobs that ran and that failed, by kind. */
  | "jobs"
  | "job_failures"
  /** Effects by what became of them: `delivered`, `dead`, `again`. */
  | "effects"
  /** Messages to an endpoint outside, by what became of an attempt: `delivered`, `dead`, `again`. Counted by its courier. */
  | "deliveries"
  /** Sagas that came to rest, by status: `COMPLETED`, `COMPENSATED`, `FAILED`. */
  | "saga_ends"
  /** Timers that fired, and by how much they were late in all, in milliseconds. */
  | "timers"
  | "timer_lateness_ms"
  /** Commits whose time was taken, and their times in all, in milliseconds: until what they wrote is durable and their verdicts leave. */
  | "timed_commits"
  | "commit_ms"
  /** Logs that were verified, and what was found in them. */
  | "verifications"
  | "findings"
  /** Rows that were written, as the platform bills them. */
  | "rows_written"
  /** What else it bills of a partition: rows that were read, requests, messages of WebSockets, and time, in milliseconds. */
  | "rows_read"
  | "requests"
  | "socket_messages"
  | "active_ms";

/** Adds `by` to a counter. `label`: the code or kind that it is counted by. */
export type Measure = (counter: Counter, by: number, label?: string) => void;
