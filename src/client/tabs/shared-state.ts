import type { FeedItem } from "../sync/feed.ts";
import type { QueueEntry } from "../stores/store.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";

/** How many verdicts are kept, for tabs that missed them because a leader crashed. */
const verdictsMax = 256;

/** An entry without a verdict. */
export interface Undecided {
  entry: QueueEntry;
  /** It was passed on, or came from another tab or the store. */
  sent: boolean;
  /** Its events may be in the confirmed state: they may have been there when the state was fetched, or when the entry arrived. */
  doubtful: boolean;
  /** Its tab has not stored it. Others are sent only while they are in the store: a tab that works alone may have withdrawn them. */
  unstored?: boolean | undefined;
  /** This tab waits for its verdict. */
  own?: true;
  /** This tab has seen it in the store: if it is not there any more, it is settled. Another one may not be there yet. */
  stored?: boolean | undefined;
}

/** What a tab needs if it becomes the leader: undecided entries, recent verdicts, and the latest status and peers. */
export class SharedState {
  #undecided = new Map<string, Undecided>();
  readonly #verdicts = new Map<string, Verdict | BatchVerdict>();
  readonly #latest = new Map<string, FeedItem>();

  /** The undecided entries, in order. */
  get undecided(): readonly Undecided[] {
    return [...this.#undecided.values()];
  }

  /** The latest `status`, `author` and `peers`. */
  get latest(): Iterable<FeedItem> {
    return this.#latest.values();
  }

  get(key: string): Undecided | undefined {
    return this.#undecided.get(key);
  }

  verdict(key: string): Verdict | BatchVerdict | undefined {
    return this.#verdicts.get(key);
  }

  /** Adds an entry after the others. Undefined: it was known, decided or not. */
  add(
    entry: QueueEntry,
    sent: boolean,
    doubtful: boolean,
    unstored?: boolean,
    stored?: boolean,
  ): Undecided | undefined {
    if (this.#undecided.has(entry.key) || this.#verdicts.has(entry.key)) return undefined;
    const known: Undecided = { entry, sent, doubtful, unstored, stored };
    this.#undecided.set(entry.key, known);
    return known;
  }

  /** Adds the entries of the store, in its order. Entries that are not in the store come after them, and are returned. */
  addStored(stored: readonly QueueEntry[]): Iterable<Undecided> {
    const before = this.#undecided;
    this.#undecided = new Map();
    for (const entry of stored) {
      const known = before.get(entry.key);
      // The store knows whether an earlier leader may have sent it.
      if (known) this.#undecided.set(entry.key, Object.assign(known, { entry, stored: true }));
      else this.add(entry, true, true, false, true);
      before.delete(entry.key);
    }
    for (const [key, known] of before) {
      const { sentAt: _, ...entry } = known.entry;
      // It may have been decided, and removed.
      this.#undecided.set(key, known.sent ? Object.assign(known, { entry }) : known);
    }
    return before.values();
  }

  /** Applies an item of the feed. */
  apply(item: FeedItem): void {
    switch (item.kind) {
      case "status":
      case "author":
      case "peers":
        this.#latest.set(item.kind, item);
        return;
      case "verdict":
        this.#undecided.delete(item.key);
        // A parked entry may be sent again, and then gets another verdict. Of one that the store has lost, its own tab wants the verdict.
        if (item.verdict.status !== "parked" && !("lost" in item.verdict)) this.#remember(item.key, item.verdict);
        return;
      case "reset": {
        // An entry that was decided in another log is decided again, if a tab still waits for it.
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
