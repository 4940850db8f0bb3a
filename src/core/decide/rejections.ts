import { type Failure, bounds } from "../../protocol/index.ts";
import type { Review } from "./review.ts";

/** What is answered instead of a rejection that there is no room for. It is no verdict: nothing is stored. */
export const tooManyRejections: Failure = {
  code: "rate_limited",
  detail: `${bounds.rejectionsPerPrincipalMax} rejections of yours are remembered here, and no more are: what would be rejected is not decided until some are forgotten.`,
  retryAfter: 3_600,
};

/** Whether so many rejections of this principal are stored that there is room for no other. */
export function rejectionsFull(review: Review): boolean {
  return countOf(review) >= bounds.rejectionsPerPrincipalMax;
}

/** Counts one that was stored. */
export function countRejection(review: Review): void {
  review.live.rejections.set(review.author.principal, countOf(review) + 1);
}

function countOf({ live, reads, author: { principal } }: Review): number {
  let count = live.rejections.get(principal);
  if (count === undefined) {
    count = reads.rejectionsOf(principal, bounds.rejectionsPerPrincipalMax);
    live.rejections.set(principal, count);
  }
  return count;
}
