import type { Problem } from "../../protocol/index.ts";

/**
 * `offline`: no connection; drafts are queued. `connecting`: one is being made. `syncing`: there is
 * one, and what happened meanwhile is being fetched. `online`: everything confirmed is here, and
 * drafts are sent. `closed`: for good.
 */
export type Status = "offline" | "connecting" | "syncing" | "online" | "closed";

/** What can happen to a connection. */
export type StatusInput = "dial" | "connected" | "caught_up" | "fell_behind" | "lost" | "close";

/** The machine: what each input makes of each status. What is not there changes nothing. */
export const transitions: Readonly<Record<Status, Partial<Record<StatusInput, Status>>>> = {
  offline: { dial: "connecting", close: "closed" },
  connecting: { connected: "syncing", lost: "offline", close: "closed" },
  syncing: { caught_up: "online", lost: "offline", close: "closed" },
  online: { fell_behind: "syncing", lost: "offline", close: "closed" },
  closed: {},
};

/** The status of one client. It reports each change that its owner describes. */
export class StatusMachine {
  readonly #report: (report: StatusReport) => void;
  #status: Status = "offline";

  constructor(report: (report: StatusReport) => void) {
    this.#report = report;
  }

  get status(): Status {
    return this.#status;
  }

  /** Applies an input. If it changes the status, reports that, and returns true. */
  apply(input: StatusInput, reason?: StatusReason, problem?: Problem): boolean {
    const next = transitions[this.#status][input];
    if (!next) return false;
    this.#status = next;
    if (reason) this.report(reason, problem);
    return true;
  }

  report(reason: StatusReason, problem?: Problem, more?: Pick<StatusReport, "retryAt">): void {
    this.#report({ status: this.#status, reason, ...more, ...(problem && { problem }) });
  }
}

/** Why the status is what it is. */
export type StatusReason =
  /** It has just been made. */
  | "new"
  /** The connection does what it should. */
  | "ok"
  /** The connection ended, or could not be made: the next attempt comes by itself. */
  | "connection_lost"
  /** The browser says that there is no network: the next attempt comes when there is one. */
  | "network_offline"
  /** The application has paused it. */
  | "paused"
  /** The server is being replaced, and has asked to come back. */
  | "draining"
  /** The log is another one, or shorter than it was: it is fetched anew. */
  | "log_replaced"
  /** The server said something that is not in the protocol. */
  | "protocol_error"
  /** The server refused the connection: see `problem`. */
  | "refused"
  /** The model here is not the server's: the application has to be loaded anew. Drafts stay queued. */
  | "upgrade_required"
  /** The application has closed it. */
  | "closed";

/** The status as the application is told it. */
export interface StatusReport {
  status: Status;
  reason: StatusReason;
  /** When the next attempt is made, in milliseconds since 1970. */
  retryAt?: number;
  /** What the server said, where it said something. */
  problem?: Problem;
}
