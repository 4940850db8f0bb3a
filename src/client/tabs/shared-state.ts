import type { FeedItem } from "../sync/feed.ts";
import type { QueueEntry } from "../stores/store.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";

/** How many verdicts are remembered, for tabs that were not told them because a leader had crashed. */
const verdictsMax = 256;

/** An entry that waits for its outcome. */
export interface Undecided {
  entry: QueueEntry;
  /** It was passed on, or came from elsewhere. */
  sent: boolean;
  /** Its outcome may have been in the confirmed state already when that was fetched, or when it came from elsewhere. */
  doubtful: boolean;
}

/** What a tab has been told, as far as it may have to tell it on. */
export class Knowledge {
  #undecided = new Map<string, Undecided>();
  readonly #verdicts = new Map<string, Verdict | BatchVerdict>();
  readonly #latest = new Map<string, FeedItem>();

  /** All that is undecided, in order. */
  get undecided(): readonly Undecided[] {
    return [...this.#undecided.values()];
  }

  /** The last item of each kind that says how things are. */
  get latest(): Iterable<FeedItem> {
    return this.#latest.values();
  }

  verdict(key: string): Verdict | BatchVerdict | undefined {
    return this.#verdicts.get(key);
  }

  /** Takes an entry in, behind the others; undefined: it was known, decided or not. */
  add(entry: QueueEntry, sent: boolean, doubtful: boolean): Undecided | undefined {
    if (this.#undecided.has(entry.key) || this.#verdicts.has(entry.key)) return undefined;
    const known = { entry, sent, doubtful };
    this.#undecided.set(entry.key, known);
    return known;
  }

  /** Takes in what the store has, and its order; what it has not yet comes behind. */
  addStored(stored: readonly QueueEntry[]): void {
    const before = this.#undecided;
    this.#undecided = new Map();
    for (const entry of stored) {
      const known = before.get(entry.key);
      if (known) this.#undecided.set(entry.key, known);
      else this.add(entry, true, true);
    }
    for (const [key, known] of before) this.#undecided.set(key, known);
  }

  /** Takes in what the engine tells. */
  note(item: FeedItem): void {
    switch (item.kind) {
      case "status":
      case "peers":
        this.#latest.set(item.kind, item);
        return;
      case "verdict":
        this.#undecided.delete(item.key);
        // A parked entry may be sent again, and then gets another one.
        if (item.verdict.status !== "parked") this.#remember(item.key, item.verdict);
        return;
      case "reset": {
        // What was decided in another log is decided anew, if somebody still waits for it.
        if (item.why === "log_replaced") this.#verdicts.clear();
        const sent = new Set(item.sent);
        for (const [key, known] of this.#undecided) known.doubtful = sent.has(key);
      }
    }
  }

  #remember(key: string, verdict: Verdict | BatchVerdict): void {
    this.#verdicts.set(key, verdict);
    const [oldest] = this.#verdicts.keys();
    if (this.#verdicts.size > verdictsMax) this.#verdicts.delete(oldest!);
  }
}
