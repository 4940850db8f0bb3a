import type { PendingEntry, QueuedDraft } from "../../../src/client/index.ts";
import { canonicalJson } from "../../../src/protocol/index.ts";

/** How it went with an entry, as far as that is known on its device. */
export type Fate = "open" | "accepted" | "rejected" | "parked" | "expired" | "withdrawn" | "discarded" | "lost";

/** What was submitted at once: a draft or a batch. */
export interface Submitted {
  readonly key: string;
  readonly mode: PendingEntry["mode"];
  readonly drafts: readonly QueuedDraft[];
  fate: Fate;
  /** Its place among all that was submitted. */
  readonly place: number;
}

/** All that was ever submitted on a device. */
export class Book {
  readonly #entries = new Map<string, Submitted>();
  readonly #byDraft = new Map<string, Submitted>();
  /** Drafts by what is in them. */
  readonly #alike = new Map<string, string[]>();
  readonly #contents = new Map<string, string>();

  get entries(): Iterable<Submitted> {
    return this.#entries.values();
  }

  get(key: string): Submitted | undefined {
    return this.#entries.get(key);
  }

  byDraft(draftId: string): Submitted | undefined {
    return this.#byDraft.get(draftId);
  }

  /** The drafts that nobody can tell from this one by what is in them, itself among them. */
  alike(draftId: string): readonly string[] {
    return this.#alike.get(this.#contents.get(draftId)!)!;
  }

  /** Takes an entry in, if it is new. */
  add({ key, mode, drafts }: Pick<PendingEntry, "key" | "mode" | "drafts">): Submitted {
    const known = this.#entries.get(key);
    if (known) return known;
    const entry: Submitted = { key, mode, drafts, fate: "open", place: this.#entries.size };
    this.#entries.set(key, entry);
    for (const { draftId, type, payload } of drafts) {
      const content = canonicalJson({ type, payload });
      const alike = this.#alike.get(content) ?? [];
      alike.push(draftId);
      this.#alike.set(content, alike);
      this.#contents.set(draftId, content);
      this.#byDraft.set(draftId, entry);
    }
    return entry;
  }

  /** Notes what became of an entry, if nothing has. */
  settle(key: string, fate: Fate): void {
    const entry = this.#entries.get(key);
    if (entry?.fate === "open") entry.fate = fate;
  }
}
