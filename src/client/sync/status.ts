import type { Failure, Problem } from "../../protocol/index.ts";

/**
 * `offline`: there is no connection; drafts are queued. `connecting`: the client connects. `syncing`:
 * the client is connected, and fetches the events that it has missed. `online`: the client has all
 * events, and sends drafts. `closed`: the client was closed, or ended for good.
 */
export type Status = "offline" | "connecting" | "syncing" | "online" | "closed";

/** A hold that lasts longer is offered to the application. */
export const longHoldMs = 60_000;

/** The inputs of the status machine. */
export type StatusInput = "dial" | "connected" | "caught_up" | "fell_behind" | "lost" | "close";

/** The next status for each status and input. An input that is not listed changes nothing. */
export const transitions: Readonly<Record<Status, Partial<Record<StatusInput, Status>>>> = {
  offline: { dial: "connecting", close: "closed" },
  connecting: { connected: "syncing", lost: "offline", close: "closed" },
  syncing: { caught_up: "online", lost: "offline", close: "closed" },
  online: { fell_behind: "syncing", lost: "offline", close: "closed" },
  closed: {},
};

/** The current status of one client. */
export class StatusMachine {
  /** The view stands still: the model here cannot fold what the server has. */
  still = false;
  readonly #report: (report: StatusReport) => void;
  #status: Status = "offline";
  /** What holds the queue back on this connection. */
  held: Held | undefined;
  /** The server's clock when the connection began, in milliseconds since 1970. */
  serverTime: number | undefined;
  /** Whether the server accepts no new event for now. */
  declare readOnly: boolean | undefined;
  /** Of the server's model, if it differs from the one here. */
  declare modelVersion: number | undefined;

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

  report(
    reason: StatusReason,
    problem?: Problem,
    more?: Pick<StatusReport, "retryAt" | "held" | "progress" | "waiting">,
  ): void {
    const { held, readOnly, modelVersion } = this;
    const serverTime = this.#status === "online" ? this.serverTime : undefined;
    const report: StatusReport = {
      status: this.#status,
      reason,
      held,
      readOnly,
      modelVersion,
      serverTime,
      problem,
      ...more,
    };
    if (this.still) {
      report.waiting = "reload";
      if (reason === "ok") report.reason = "upgrade_required";
    }
    this.#report(report);
  }
}

/** The reason of a status. */
export type StatusReason =
  /** The client was just created. */
  | "new"
  /** The connection works. */
  | "ok"
  /** The connection ended, or could not be opened. The client tries again automatically. */
  | "connection_lost"
  /** The browser reports that there is no network. The client tries again when there is one. */
  | "network_offline"
  /** The application has paused it. */
  | "paused"
  /** A draft was withdrawn for which the server waited. The client goes on with the next one, on a new connection. */
  | "withdrawn"
  /** The server is being replaced, and asked the client to reconnect. */
  | "draining"
  /** The server has another log, or a shorter one. The client fetches the state again. */
  | "log_replaced"
  /** The server sent a frame that is not valid in the protocol. */
  | "protocol_error"
  /** The server refused the connection: see `problem`. */
  | "refused"
  /** The server has another version of the model, or events that the model here cannot fold: see `waiting`. Drafts stay queued. */
  | "upgrade_required"
  /** The token is of another user than the client: nothing is sent. Make another client. */
  | "other_principal"
  /** The token does not show whose it is, and there is no option `principal`: nothing is opened. */
  | "principal_unknown"
  /** The user has signed out. */
  | "signed_out"
  /** The application has closed it. */
  | "closed";

/** Why nothing is sent for a while, though there are drafts: what the server has answered. Times in milliseconds since 1970. */
export interface Held extends Failure {
  /** When the client tries again. */
  until: number;
  /** The first entry of the queue, which the server has refused. Absent: it has refused the connection. */
  key?: string;
  /** When this entry was refused for the first time. */
  since?: number;
  /** Whether the entry waits longer than a minute: ask the user whether to wait, or to `withdraw` it and go on with the rest. */
  long?: boolean;
}

/** The status, with its reason. */
export interface StatusReport {
  status: Status;
  reason: StatusReason;
  /**
   * `server`: the server is older than this application, as during a deployment. The client tries again until it is not;
   * nothing is sent before. `reload`: the server is newer, and the application has to be reloaded. Until then the view stands
   * still: it shows no further events. Drafts are still sent and decided, and those that were accepted stay in the view.
   */
  waiting?: "server" | "reload" | undefined;
  /**
   * The version of the server's model, if it differs from that of the model here: the side with the lower one has to be
   * renewed. As of the last connection. Absent while `waiting`: an earlier build of the server has refused the connection, and
   * `problem.detail` has both versions; or the versions are equal, and the model here cannot fold an event.
   */
  modelVersion?: number | undefined;
  /** Why nothing is sent for a while, if so. */
  held?: Held | undefined;
  /**
   * The operator of the server has stopped new events for a while: drafts are shown, wait in the queue, and are decided when
   * that ends. As of the last connection; absent: not so.
   */
  readOnly?: boolean | undefined;
  /** While `online`: the server's clock when the connection began, in milliseconds since 1970. */
  serverTime?: number | undefined;
  /** The time of the next attempt, in milliseconds since 1970. */
  retryAt?: number;
  /** The problem that the server sent, if any. */
  problem?: Problem | undefined;
  /** How much has arrived, while `syncing` takes more than one message. */
  progress?: Progress;
}

/** The status as a client shows it. */
export interface ClientStatus extends StatusReport {
  /** Whether a confirmed state is here: see `client.loaded`. */
  loaded: boolean;
}

/** How much has arrived, and of how much: about how many bytes of a large state, or up to which event of the log. */
export interface Progress {
  unit: "bytes" | "events";
  done: number;
  of: number;
}
