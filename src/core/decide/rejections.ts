import { type Failure, bounds } from "../../protocol/index.ts";
import type { StorageReads } from "../../storage/port.ts";

/** What is answered instead of a rejection that there is no room for. It is no verdict: nothing is stored. */
export const tooManyRejections: Failure = {
  code: "rate_limited",
  detail: `${bounds.rejectionsPerPrincipalMax} rejections of yours are remembered here, and no more are: what would be rejected is not decided until some are forgotten.`,
  retryAfter: 3_600,
};

/** How many rejections of each principal are stored; read from the storage where it matters. */
export class RejectionCounts {
  readonly #counts = new Map<string, number>();

  /** Whether there is no room for another rejection of this principal. */
  full(reads: StorageReads, principal: string): boolean {
    return this.#countOf(reads, principal) >= bounds.rejectionsPerPrincipalMax;
  }

  /** Counts one that was stored. */
  add(reads: StorageReads, principal: string): void {
    this.#counts.set(principal, this.#countOf(reads, principal) + 1);
  }

  /** Forgets the counts: rejections were deleted. */
  clear(): void {
    this.#counts.clear();
  }

  #countOf(reads: StorageReads, principal: string): number {
    let count = this.#counts.get(principal);
    if (count === undefined) {
      count = reads.rejections.countOf(principal, bounds.rejectionsPerPrincipalMax);
      this.#counts.set(principal, count);
    }
    return count;
  }
}
