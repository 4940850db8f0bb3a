import type { Draft } from "../../src/core/index.ts";
import type { Random } from "./random.ts";
import type { Asked } from "./wire.ts";

/** A draft or a batch, as it is sent each time. */
export interface Pending {
  /** Its draft id, or batch id. */
  key: string;
  type: "submit_event" | "submit_events";
  payload: object;
  asked: DistributiveOmit<Extract<Asked, { kind: "submit" | "batch" }>, "id" | "frame">;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** A decision: the event (for an atomic batch the first one), or undefined for a rejection. */
interface Decision {
  eventId: number | undefined;
}

interface Waiting {
  pending: Pending;
  inFlight: boolean;
}

/** A client's drafts: the undecided ones, in order, and the decisions on the others. */
export class Queue {
  readonly #waiting = new Map<string, Waiting>();
  readonly #known = new Map<string, Pending>();
  readonly #decisions = new Map<string, Decision>();
  /** When each was last submitted: the order that the log must have. */
  readonly #order = new Map<string, number>();
  #sequence = 0;
  #recovering = false;

  get empty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Whether there was a refusal, and everything in flight is answered: then drafts are sent again. */
  get recoverable(): boolean {
    return this.#recovering && [...this.#waiting.values()].every(({ inFlight }) => !inFlight);
  }

  get decisions(): ReadonlyMap<string, Decision> {
    return this.#decisions;
  }

  describe(): string {
    return `waiting for ${[...this.#waiting.keys()].join() || "nothing"}${this.#recovering ? ", recovering" : ""}`;
  }

  remember(pending: Pending): void {
    this.#known.set(pending.key, pending);
  }

  add(pending: Pending): void {
    this.remember(pending);
    this.#waiting.set(pending.key, { pending, inFlight: false });
    this.#order.set(pending.key, ++this.#sequence);
  }

  /** Submits a member of a batch as a single draft. */
  resubmit(key: string): void {
    const known = this.#known.get(key);
    if (known && !this.#waiting.has(key) && !this.#decisions.has(key)) this.add(known);
  }

  /** Returns the drafts to send now; they are in flight from then on. */
  toSend(): Pending[] {
    if (this.#recovering) return [];
    const unsent = [...this.#waiting.values()].filter(({ inFlight }) => !inFlight);
    for (const waiting of unsent) waiting.inFlight = true;
    return unsent.map(({ pending }) => pending);
  }

  isPending(key: string): boolean {
    return this.#waiting.has(key);
  }

  isDecided(key: string): boolean {
    return this.#decisions.has(key);
  }

  sequential(key: string): boolean {
    const asked = this.#known.get(key)?.asked;
    return asked?.kind === "batch" && asked.mode === "sequential";
  }

  isBatch(key: string): boolean {
    return this.#known.get(key)?.asked.kind === "batch";
  }

  /** Records a decision. Returns whether it differs from an earlier one. */
  decide(key: string, eventId: number | undefined): boolean {
    this.answered(key);
    const known = this.#decisions.get(key);
    if (!known) this.#decisions.set(key, { eventId });
    return known !== undefined && known.eventId !== eventId;
  }

  /** The draft does not wait for an answer any more. */
  answered(key: string): void {
    this.#waiting.delete(key);
  }

  /** It was refused temporarily: it must be sent again before anything else. */
  refused(key: string): void {
    this.#recovering = true;
    const waiting = this.#waiting.get(key);
    if (waiting) {
      waiting.inFlight = false;
      return;
    }
    // A duplicate of a decided draft: the server waits for it, too.
    const known = this.#known.get(key);
    if (!known) return;
    const others = [...this.#waiting];
    this.#waiting.clear();
    this.#waiting.set(key, { pending: known, inFlight: false });
    for (const [other, entry] of others) this.#waiting.set(other, entry);
  }

  recovered(): void {
    this.#recovering = false;
  }

  disconnected(): void {
    this.#recovering = false;
    for (const waiting of this.#waiting.values()) waiting.inFlight = false;
  }

  anyDecided(random: Random): Pending | undefined {
    const keys = [...this.#decisions.keys()];
    return keys.length === 0 ? undefined : this.#known.get(random.pick(keys));
  }

  /** A decided single draft, as it would go over HTTP. */
  anyDecidedDraft(random: Random): Draft | undefined {
    const known = this.anyDecided(random);
    return known?.type === "submit_event" ? (known.payload as Draft) : undefined;
  }

  /** The events of single drafts and atomic batches, in the order in which these were submitted. */
  eventsInOrder(): { key: string; eventId: number }[] {
    return [...this.#order]
      .toSorted(([, a], [, b]) => a - b)
      .flatMap(([key]) => {
        const eventId = this.#decisions.get(key)?.eventId;
        return eventId === undefined ? [] : [{ key, eventId }];
      });
  }
}
