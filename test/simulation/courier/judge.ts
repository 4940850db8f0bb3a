import { courierBounds } from "../../../src/courier/bounds.ts";
import type { Outcome } from "../../../src/courier/outcome.ts";
import type { CourierRow } from "../../../src/platform/courier-api.ts";

/** What the receiver and the partitions have seen, and what is wrong with it. */
export class ReceiverJudge {
  readonly #handed = new Map<string, CourierRow>();
  /** The ids in the order of their first arrival. */
  readonly #arrived = new Set<string>();
  /** The ids whose last attempt was answered as a delivery, with nothing lost since. */
  readonly #delivered = new Set<string>();
  #running = new Set<string>();
  #incarnation = 0;
  #heldUntil = 0;
  #failuresInRow = 0;
  #fault: string | undefined;

  handed(row: CourierRow): void {
    this.#handed.set(row.effectId, row);
  }

  /** An attempt begins. */
  begins(effectId: string, now: number, incarnation: number): void {
    if (incarnation !== this.#incarnation) {
      this.#incarnation = incarnation;
      this.#running = new Set();
    }
    if (!this.#handed.has(effectId)) this.#wrong(`${effectId} was never handed over`);
    if (this.#running.has(effectId)) this.#wrong(`${effectId} is sent twice at the same time`);
    if (this.#delivered.has(effectId)) this.#wrong(`${effectId} is sent again after its delivery`);
    if (now < this.#heldUntil) this.#wrong(`${effectId} is sent before the endpoint has allowed it`);
    if (this.#running.size >= courierBounds.attemptsMax) this.#wrong("too many attempts at the same time");
    if (this.#failuresInRow >= courierBounds.breakerFailures + courierBounds.attemptsMax && this.#running.size > 0) {
      this.#wrong("an endpoint that fails is sent several messages at the same time");
    }
    this.#running.add(effectId);
  }

  /** A message arrives. The receiver deduplicates by its id. */
  arrived(effectId: string): void {
    this.#arrived.add(effectId);
  }

  /** The dispatcher gets the outcome. */
  ended(effectId: string, outcome: Outcome, now: number): void {
    this.#running.delete(effectId);
    if (outcome.kind === "delivered") {
      this.#delivered.add(effectId);
      this.#failuresInRow = 0;
      this.#heldUntil = 0;
    } else if (outcome.final) {
      this.#failuresInRow = 0;
      this.#heldUntil = 0;
    } else {
      this.#failuresInRow++;
      if (outcome.retryAfterMs !== undefined) this.#heldUntil = Math.max(this.#heldUntil, now + outcome.retryAfterMs);
    }
  }

  /** The object has ended: failures in a row are counted in memory until they open the breaker. */
  crashed(): void {
    this.#failuresInRow = 0;
  }

  /** What was wrong; at the end, when everything must have arrived. */
  violation(): string | undefined {
    if (this.#fault !== undefined) return this.#fault;
    const lost = [...this.#handed.keys()].filter((id) => !this.#arrived.has(id));
    if (lost.length > 0) return `never arrived: ${lost.join(", ")}`;
    const order = [...this.#arrived];
    for (const partition of new Set([...this.#handed.values()].map((row) => row.partition))) {
      const expected = [...this.#handed.values()].filter((row) => row.ordered && row.partition === partition);
      const ids = expected.map(({ effectId }) => effectId);
      const seen = order.filter((id) => ids.includes(id));
      if (seen.join() !== ids.join()) return `out of order: ${seen.join(", ")}`;
    }
    return undefined;
  }

  #wrong(fault: string): void {
    this.#fault ??= fault;
  }
}
