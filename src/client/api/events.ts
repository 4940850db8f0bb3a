import type { Failure, Problem } from "../../protocol/index.ts";
import type { QueueEntry, StoreFailure } from "../stores/store.ts";
import type { ConfirmedEvent } from "../sync/replica.ts";
import type { ClientStatus } from "../sync/status.ts";
import type { BatchVerdict, Unsettled, Verdict } from "../sync/verdict.ts";
import type { UndoReport } from "./undo-result.ts";

/** A verdict that is a rejection, of a draft or of a batch. */
export type Rejection = Exclude<Verdict | BatchVerdict, Unsettled | { status: "accepted" }>;

/** An entry that the server has rejected, with its verdict. */
export interface RejectedEntry extends QueueEntry {
  rejected: Rejection;
}

/** The events of a client, by name. */
export interface ClientEvents {
  /** The status, its reason, its progress, or what holds the queue back has changed. */
  status: ClientStatus;
  /** The server has rejected an entry. Its changes are no longer in the state. */
  rejected: { entry: QueueEntry; verdict: Rejection };
  /** The state has changed, and these entries do not fit it any more. They stay queued: the server decides. */
  fallen: { entries: readonly { key: string; failure: Failure }[] };
  /** The server failed on an entry without deciding it: it is in `client.parked` now. */
  parked: { entry: QueueEntry; problem: Problem };
  /** An entry was too old to be sent, and is dropped. */
  expired: { entry: QueueEntry };
  /** The next events of the log in order, of this client and of others: for a list of activities, for example. */
  confirmed: { events: readonly ConfirmedEvent[] };
  /**
   * The confirmed state was replaced, not continued. `log_replaced`: the server has another log, for
   * example after a restore; events that were confirmed may be gone. `far_behind`: many events were
   * missing, or nothing showed that the state which an earlier version has saved is of the server's log.
   */
  reset: { why: "far_behind" | "log_replaced" | "diverged" };
  /** All places for presence are taken: other clients do not see this one. It is shown when there is a place. */
  hidden: { problem: Problem };
  /** An undo or redo was submitted, in `entries` entries: a large one takes several batches. */
  undo: UndoReport;
  /** The number of undecided entries has changed. */
  progress: { undecided: number };
  /** From now on drafts are kept in memory only; until `client.durable` is true again, where the store was only slow. */
  degraded: { reason: StoreFailure };
}
