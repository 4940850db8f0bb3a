import type { Violation } from "../../protocol/index.ts";

/** A rejected draft, for the report. */
export interface Rejection {
  draftId: string;
  code: string;
  errors: readonly Violation[];
}

/** How many rejected drafts a report shows. */
const rejectionsShownMax = 5;

/** The results of an import so far. */
export class Tally {
  /** All drafts: one per entry, and the one that creates the tree. */
  readonly total: number;
  /** Accepted, and committed by this run. */
  committed = 0;
  /** Accepted by an earlier run: the server replayed the verdict. */
  replayed = 0;
  rejected = 0;
  /** Never submitted, because their folder was rejected. */
  skipped = 0;
  /** How often a connection was lost, or could not be opened. */
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
