import type { Violation } from "../../protocol/index.ts";

/** One refused draft, for the report. */
export interface Rejection {
  draftId: string;
  code: string;
  errors: readonly Violation[];
}

/** How many refused drafts a report shows. */
const rejectionsShownMax = 5;

/** What has come of an import so far. */
export class Tally {
  /** Drafts in all: one per entry, and the one that makes the tree. */
  readonly total: number;
  /** Accepted, and committed by this run. */
  committed = 0;
  /** Accepted by an earlier run: the server gave the first verdict again. */
  replayed = 0;
  rejected = 0;
  /** Never submitted, because what they are in was refused. */
  skipped = 0;
  /** How often a connection was lost, or could not be had. */
  lost = 0;
  /** The first few rejections. */
  readonly rejections: Rejection[] = [];

  constructor(entries: number) {
    this.total = entries + 1;
  }

  get decided(): number {
    return this.committed + this.replayed + this.rejected + this.skipped;
  }

  reject(rejection: Rejection, skipped: number): void {
    this.rejected++;
    this.skipped += skipped;
    if (this.rejections.length < rejectionsShownMax) this.rejections.push(rejection);
  }
}
