import type { Failure, Problem, WireEvent } from "../../protocol/index.ts";
import type { QueuedDraft, QueueEntry, StoreFailure } from "../stores/store.ts";
import type { MergedChange } from "../sync/merged.ts";
import type { ConfirmedEvent } from "../sync/replica.ts";
import type { ClientStatus } from "../sync/status.ts";
import type { BatchVerdict, Unsettled, Verdict } from "../sync/verdict.ts";
import type { DraftOf, EventOf, Payloads } from "./drafts.ts";
import type { UndoReport } from "./undo-result.ts";

/** A verdict that is a rejection, of a draft or of a batch. */
export type Rejection<Event = WireEvent> = Exclude<
  Verdict<Event> | BatchVerdict<Event>,
  Unsettled | { status: "accepted" }
>;

/** An entry that the server has rejected, with its verdict. */
export interface RejectedEntry<Draft = QueuedDraft, Event = WireEvent> extends QueueEntry<Draft> {
  rejected: Rejection<Event>;
}

/** The events of a client, by name. Payloads are typed by the type of their draft (`P`) or event (`E`, with internal types). */
export interface ClientEvents<P extends Payloads = Payloads, E extends Payloads = P> {
  /** The status, its reason, its progress, or what holds the queue back has changed. */
  status: ClientStatus;
  /** The server has rejected an entry. Its changes are no longer in the state. */
  rejected: { entry: QueueEntry<DraftOf<P>>; verdict: Rejection<EventOf<P>> };
  /** The state has changed, and these entries do not fit it any more. They stay queued: the server decides. */
  fallen: { entries: readonly { key: string; failure: Failure }[] };
  /** The server failed on an entry without deciding it: it is in `client.parked` now. */
  parked: { entry: QueueEntry<DraftOf<P>>; problem: Problem };
  /** An entry was too old to be sent, and is dropped. */
  expired: { entry: QueueEntry<DraftOf<P>> };
  /**
   * The next events of the log in order, of this client and of others: for a list of activities, for example. Payloads of
   * older versions are upcast.
   */
  confirmed: { events: readonly ConfirmedEvent<EventOf<E>>[] };
  /**
   * The confirmed state was replaced, not continued. `log_replaced`: the server has another log, for
   * example after a restore; events that were confirmed may be gone. `far_behind`: many events were
   * missing, or nothing showed that the state which an earlier version has saved is of the server's log.
   */
  reset: { why: "far_behind" | "log_replaced" | "diverged" };
  /**
   * The view has changed by an event or a draft of a type that is merged, as text: how, against the view before it. For
   * editors, which have a copy of the text. Undefined: the state was replaced. It is called before anything else reads the view.
   */
  merged: MergedChange | undefined;
  /** All places for presence are taken: other clients do not see this one. It is shown when there is a place. */
  hidden: { problem: Problem };
  /** An undo or redo was submitted, in `entries` entries: a large one takes several batches. */
  undo: UndoReport;
  /** The number of undecided entries has changed. */
  progress: { undecided: number };
  /** From now on drafts are kept in memory only; until `client.durable` is true again, where the store was only slow. */
  degraded: { reason: StoreFailure };
}
