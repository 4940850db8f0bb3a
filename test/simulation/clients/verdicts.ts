import type { BatchVerdict, MemberVerdict, Verdict } from "../../../src/client/index.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";
import type { JsonObject, Problem } from "../../../src/protocol/index.ts";
import { canonicalText } from "../ledger.ts";
import type { Book, Submitted } from "./book.ts";
import type { Reporter } from "./reporter.ts";
import type { Server } from "./server.ts";
import type { LogTracker } from "./log-tracker.ts";

/** What verdicts are compared with. */
export interface VerdictParts {
  readonly book: Book;
  readonly servers: readonly Server[];
  readonly tracker: LogTracker;
  readonly reporter: Reporter;
  eventId(): number;
}

/** Checks the verdicts of a client: they equal those of the server, and their events are in the state. */
export class Verdicts {
  readonly #parts: VerdictParts;

  constructor(parts: VerdictParts) {
    this.#parts = parts;
  }

  /** The verdict of a promise for `first`, or for a later draft after a conflict. */
  reported(verdict: Verdict | BatchVerdict, first: Submitted | undefined): void {
    const { book } = this.#parts;
    if ("results" in verdict) this.#batch(verdict, first!);
    else if (verdict.status === "accepted") {
      const entry = this.#accepted(verdict.eventId, verdict.event);
      if (entry) book.settle(entry.key, "accepted");
      // Rejections of the server are checked when all are reported.
    } else if (first && verdict.status !== "rejected" && verdict.status !== "undecided")
      book.settle(first.key, verdict.status);
  }

  /** A draft of this principal was rejected by the server. */
  rejected(principal: string, key: string, { traceId, code }: Problem): void {
    const known = this.#parts.servers.some(
      ({ ledger }) => ledger.rejection(principal, key) === traceId || ledger.isForgotten(principal, key),
    );
    this.#check(known, () => `the reported rejection (${code}) of ${key} was never made`);
  }

  #batch({ status, results }: Extract<BatchVerdict, { results: unknown }>, { key, drafts }: Submitted): void {
    for (const [at, result] of results.entries()) {
      this.#check(drafts[at]?.draftId === result.draftId, () => `a result of ${key} is of another draft`);
      this.#member(result);
    }
    const accepted = results.every((result) => result.status === "accepted");
    this.#check(accepted === (status === "accepted"), () => `${key} is reported as ${status}, but its drafts are not`);
    this.#parts.book.settle(key, status);
  }

  #member(result: MemberVerdict): void {
    if (result.status !== "accepted") return;
    const entry = this.#accepted(result.eventId, result.event);
    const right = entry?.drafts.some(({ draftId }) => draftId === result.draftId);
    this.#check(right === true, () => `${result.draftId} has the event of another draft`);
  }

  /** Checks that the event is in the log as reported, and in the view. Returns its entry. */
  #accepted(eventId: number, event: { type: string; payload: JsonObject }): Submitted | undefined {
    const { book, servers, tracker } = this.#parts;
    const text = canonicalJson(event.payload);
    // It may be from a log that was replaced.
    for (const server of servers.toReversed()) {
      const row = server.ledger.rows[eventId - 1];
      const entry = row && book.byDraft(row.draftId);
      if (!entry || row.type !== event.type || canonicalText(row.payload) !== text) continue;
      const early = tracker.server === server && this.#parts.eventId() < eventId;
      this.#check(!early, () => `event ${eventId} is reported before it is in the state`);
      return entry;
    }
    this.#check(false, () => `event ${eventId} is reported as accepted, but is not in the log for this device`);
    return undefined;
  }

  #check(holds: boolean, what: () => string): void {
    this.#parts.reporter.check(holds, what);
  }
}
