import type { EventRow } from "../../storage/port.ts";
import { weightOf } from "./page.ts";

/** How many runs of unacknowledged events are kept separately; beyond that the newest run grows. */
const runsMax = 64;

/**
 * The bytes of broadcasts that a connection has not acknowledged. In memory only: after hibernation
 * it starts at zero, so what a connection may have outstanding is bounded by its credit each time.
 */
export class Credit {
  #spent = 0;
  #runs: { lastEventId: number; bytes: number }[] = [];

  /** What is not acknowledged, in bytes. */
  get spent(): number {
    return this.#spent;
  }

  /** Spends on as many of `rows`, from the first on, as `allowed` bytes in all are enough for; returns how many. `authors`, `draftIdsOf`: see `weightOf`. */
  spend(rows: readonly EventRow[], allowed: number, authors: boolean, draftIdsOf: string | undefined): number {
    let bytes = 0;
    let count = 0;
    for (const row of rows) {
      const weight = weightOf(row, authors, draftIdsOf);
      if (this.#spent + bytes + weight > allowed) break;
      bytes += weight;
      count++;
    }
    // An atomic batch is not parted: what does not fit whole is left.
    for (
      let last = rows[count - 1];
      count < rows.length && last?.batchEnd !== undefined && last.eventId < last.batchEnd;
      last = rows[count - 1]
    ) {
      bytes -= weightOf(last, authors, draftIdsOf);
      count--;
    }
    if (count === 0) return 0;
    this.#spent += bytes;
    const lastEventId = rows[count - 1]!.eventId;
    const newest = this.#runs.at(-1);
    if (newest && this.#runs.length === runsMax) {
      newest.lastEventId = lastEventId;
      newest.bytes += bytes;
    } else this.#runs.push({ lastEventId, bytes });
    return count;
  }

  /** Gives back what was spent on events up to `eventId`. */
  release(eventId: number): void {
    while (this.#runs.length > 0 && this.#runs[0]!.lastEventId <= eventId) this.#spent -= this.#runs.shift()!.bytes;
  }
}
