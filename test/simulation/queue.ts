import type { Draft } from "../../src/core/index.ts";
import type { Random } from "./random.ts";
import type { Asked } from "./wire.ts";

/** A draft or a batch, as it is sent, each time. */
export interface Pending {
  /** Its draft id, or batch id. */
  key: string;
  type: "submit_event" | "submit_events";
  payload: object;
  asked: DistributiveOmit<Extract<Asked, { kind: "submit" | "batch" }>, "id" | "frame">;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** What was decided: the event (of an atomic batch: the first), or undefined for a rejection. */
interface Decision {
  eventId: number | undefined;
}

interface Waiting {
  pending: Pending;
  inFlight: boolean;
}

/** A client's drafts: those that are undecided, in their order, and what became of the others. */
export class Queue {
  readonly #waiting = new Map<string, Waiting>();
  readonly #known = new Map<string, Pending>();
  readonly #decisions = new Map<string, Decision>();
  /** When each was submitted last under its own responsibility: the order that has to be kept. */
  readonly #order = new Map<string, number>();
  #sequence = 0;
  #recovering = false;

  get empty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Whether a refusal has to be followed up, and everything on its way is answered. */
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

  /** Submits a member of a batch by itself. */
  addAgain(key: string): void {
    const known = this.#known.get(key);
    if (known && !this.#waiting.has(key) && !this.#decisions.has(key)) this.add(known);
  }

  /** What is to be sent now; it counts as on its way from here on. */
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

  /** Keeps a decision. True: there was another one before. */
  decide(key: string, eventId: number | undefined): boolean {
    this.answered(key);
    const known = this.#decisions.get(key);
    if (!known) this.#decisions.set(key, { eventId });
    return known !== undefined && known.eventId !== eventId;
  }

  /** It needs no more answer. */
  answered(key: string): void {
    this.#waiting.delete(key);
  }

  /** It was refused for now: it has to come again before anything else does. */
  refused(key: string): void {
    this.#recovering = true;
    const waiting = this.#waiting.get(key);
    if (waiting) {
      waiting.inFlight = false;
      return;
    }
    // A duplicate of something decided: the server waits for it all the same.
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
