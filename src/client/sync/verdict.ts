import type { Problem, WireEvent } from "../../protocol/index.ts";

/** What became of a draft. A rejection is an outcome like any other: nothing is thrown for it. */
export type Verdict =
  /** It is in the log. */
  | { status: "accepted"; eventId: number; event: WireEvent }
  /**
   * Final. `local`: the model itself spoke against it here, and it was never sent; otherwise it is the
   * server's verdict, the same for every retry.
   */
  | { status: "rejected"; problem: Problem; local: boolean }
  | Unsettled;

/** What became of a batch: `accepted` where all of it is in the log. `results` has a verdict for each draft, in order. */
export type BatchVerdict =
  | { status: "accepted" | "rejected"; results: readonly MemberVerdict[] }
  /** The model spoke against it here, and it was never sent. */
  | { status: "rejected"; problem: Problem; local: true }
  | Unsettled;

/** What became of one draft of a batch. `not_processed`: nothing, because of another one. */
export type MemberVerdict =
  | { draftId: string; status: "accepted"; eventId: number; event: WireEvent }
  | { draftId: string; status: "rejected"; problem: Problem }
  | { draftId: string; status: "not_processed"; problem?: Problem };

/** Outcomes that are no verdict. */
export type Unsettled =
  /** The server failed on it without deciding it. It is kept in `client.parked`, and not sent again by itself. */
  | { status: "parked"; problem: Problem }
  /** It was undecided for longer than the server remembers rejections: it was not sent again, for it might count twice. */
  | { status: "expired" }
  /** It was taken back before it was sent. */
  | { status: "withdrawn" }
  /** Waiting ended before the outcome was known: aborted, or the client was closed. A stored draft is still sent later. */
  | { status: "undecided" };
