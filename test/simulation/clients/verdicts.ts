import type { BatchVerdict, MemberVerdict, Verdict } from "../../../src/client/index.ts";
import { canonicalJson, type JsonObject, type Problem } from "../../../src/protocol/index.ts";
import { canonicalText } from "../ledger.ts";
import type { Book, Submitted } from "./book.ts";
import type { Reporter } from "./reporter.ts";
import type { Server } from "./server.ts";
import type { Standing } from "./standing.ts";

/** What verdicts are held against. */
export interface VerdictParts {
  readonly book: Book;
  readonly servers: readonly Server[];
  readonly standing: Standing;
  readonly reporter: Reporter;
  eventId(): number;
}

/** What a client tells of drafts: that it is what the server has decided, and in the state when it is told. */
export class Verdicts {
  readonly #parts: VerdictParts;

  constructor(parts: VerdictParts) {
    this.#parts = parts;
  }

  /** What a promise has brought for `first`, or for a later draft that was made after a conflict. */
  told(told: Verdict | BatchVerdict, first: Submitted | undefined): void {
    const { book } = this.#parts;
    if ("results" in told) this.#batch(told, first!);
    else if (told.status === "accepted") {
      const entry = this.#accepted(told.eventId, told.event);
      if (entry) book.settle(entry.key, "accepted");
      // What the server rejects is looked at when all are told.
    } else if (first && told.status !== "rejected" && told.status !== "undecided") book.settle(first.key, told.status);
  }

  /** A draft of this principal was rejected by the server. */
  rejected(principal: string, key: string, { traceId, code }: Problem): void {
    const known = this.#parts.servers.some(
      ({ ledger }) => ledger.rejection(principal, key) === traceId || ledger.isForgotten(principal, key),
    );
    this.#check(known, () => `a rejection (${code}) of ${key} is told that was never made`);
  }

  #batch({ status, results }: Extract<BatchVerdict, { results: unknown }>, { key, drafts }: Submitted): void {
    for (const [at, result] of results.entries()) {
      this.#check(drafts[at]?.draftId === result.draftId, () => `a result of ${key} is of another draft`);
      this.#member(result);
    }
    const accepted = results.every((result) => result.status === "accepted");
    this.#check(accepted === (status === "accepted"), () => `${key} is told ${status}, and its drafts are not`);
    this.#parts.book.settle(key, status);
  }

  #member(result: MemberVerdict): void {
    if (result.status !== "accepted") return;
    const entry = this.#accepted(result.eventId, result.event);
    const right = entry?.drafts.some(({ draftId }) => draftId === result.draftId);
    this.#check(right === true, () => `${result.draftId} is told the event of another draft`);
  }

  /** The event is in the log as it was told, and in the view. Returns the entry that it is of. */
  #accepted(eventId: number, event: { type: string; payload: JsonObject }): Submitted | undefined {
    const { book, servers, standing } = this.#parts;
    const text = canonicalJson(event.payload);
    // It may have been told by a log that is gone.
    for (const server of servers.toReversed()) {
      const row = server.ledger.rows[eventId - 1];
      const entry = row && book.byDraft(row.draftId);
      if (!entry || row.type !== event.type || canonicalText(row.payload) !== text) continue;
      const early = standing.server === server && this.#parts.eventId() < eventId;
      this.#check(!early, () => `event ${eventId} is told before it is in the state`);
      return entry;
    }
    this.#check(false, () => `event ${eventId} is told to be accepted, and is not in the log as one of this device`);
    return undefined;
  }

  #check(holds: boolean, what: () => string): void {
    this.#parts.reporter.check(holds, what);
  }
}
