import { type Failure, bounds, utf8Length } from "../../protocol/index.ts";
import type { RejectionTotals, StorageReads } from "../../storage/port.ts";

const retryAfter = 3_600;

/** What is answered instead of a rejection that there is no room for. It is no verdict: nothing is stored. */
const tooManyRejections: Failure = {
  code: "rate_limited",
  detail: `As many rejections of yours are remembered here as can be (${bounds.rejectionsPerPrincipalMax}, or ${bounds.rejectionBytesPerPrincipalMax} bytes): what would be rejected is not decided until some are forgotten.`,
  retryAfter,
};
const tooManyInAll: Failure = {
  code: "rate_limited",
  detail: `As many rejections are remembered here as can be (${bounds.rejectionsMax}, or ${bounds.rejectionBytesMax} bytes): what would be rejected is not decided until some are forgotten.`,
  retryAfter,
};

/** How many rejections are stored and how large they are, of each principal and in all; read from the storage where it matters. */
export class RejectionCounts {
  readonly #principals = new Map<string, RejectionTotals>();
  #all: RejectionTotals | undefined;

  /** Why there is no room for another rejection of this principal, or undefined. */
  full(reads: StorageReads, principal: string): Failure | undefined {
    const own = this.#of(reads, principal);
    if (own.count >= bounds.rejectionsPerPrincipalMax || own.bytes >= bounds.rejectionBytesPerPrincipalMax)
      return tooManyRejections;
    const all = this.all(reads);
    return all.count >= bounds.rejectionsMax || all.bytes >= bounds.rejectionBytesMax ? tooManyInAll : undefined;
  }

  /** All that are stored. */
  all(reads: StorageReads): Readonly<RejectionTotals> {
    return (this.#all ??= reads.rejections.totals());
  }

  /** All that are stored, if that is known already. */
  get known(): Readonly<RejectionTotals> | undefined {
    return this.#all;
  }

  /** Counts one that was stored, whose room was asked for before. `problem`: its text. */
  add(principal: string, problem: string): void {
    const bytes = utf8Length(problem);
    for (const totals of [this.#principals.get(principal), this.#all]) {
      if (!totals) continue;
      totals.count++;
      totals.bytes += bytes;
    }
  }

  /** Forgets the counts: rejections were deleted. */
  clear(): void {
    this.#principals.clear();
    this.#all = undefined;
  }

  #of(reads: StorageReads, principal: string): RejectionTotals {
    let totals = this.#principals.get(principal);
    if (!totals) this.#principals.set(principal, (totals = reads.rejections.totals(principal)));
    return totals;
  }
}
