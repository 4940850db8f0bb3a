import type { Problem, WireEvent } from "../../protocol/index.ts";

/** The outcome of a draft. A rejection is an outcome like any other: nothing is thrown for it. */
export type Verdict<Event = WireEvent> =
  /** The event is in the log. */
  | { status: "accepted"; eventId: number; event: Event }
  /**
   * Final. `local`: the model rejected the draft in this client, and it was not sent. Otherwise it is
   * the verdict of the server, the same for each retry.
   */
  | { status: "rejected"; problem: Problem; local: boolean }
  | Unsettled;

/** The outcome of a batch: `accepted` if all its events are in the log. `results` has a verdict for each draft, in order. */
export type BatchVerdict<Event = WireEvent> =
  | { status: "accepted" | "rejected"; results: readonly MemberVerdict<Event>[] }
  /** The model rejected the batch in this client, and it was not sent. */
  | { status: "rejected"; problem: Problem; local: true }
  | Unsettled;

/** The outcome of one draft of a batch. `not_processed`: another draft of the batch was rejected. */
export type MemberVerdict<Event = WireEvent> =
  | { draftId: string; status: "accepted"; eventId: number; event: Event }
  | { draftId: string; status: "rejected"; problem: Problem }
  | { draftId: string; status: "not_processed"; problem?: Problem };

/** Outcomes without a verdict. */
export type Unsettled =
  /** The server failed on the entry without deciding it. It stays in `client.parked`, and is sent again only by `retry`. */
  | { status: "parked"; problem: Problem }
  /** The entry is older than the rejections that the server remembers. It was not sent again, because it could now be accepted. */
  | { status: "expired" }
  /**
   * The entry was withdrawn before the server decided it, and this client does not send it any more. `replaced`: by a later
   * draft with the same `replaces`. Another program with the same store may have sent it, if this one had sent it too or was
   * online when it was submitted: then its event is `confirmed`, with the key as its `draftId`.
   */
  | {
      status: "withdrawn";
      replaced?: true;
      /** @internal It is not in the store any more, so it is not sent; only its own tab asks what became of it. */
      lost?: true;
    }
  /** Waiting ended before the outcome was known: it was aborted, or the client was closed. A stored draft is still sent later. */
  | { status: "undecided" };
