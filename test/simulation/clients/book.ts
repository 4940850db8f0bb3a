import type { PendingEntry, QueuedDraft } from "../../../src/client/index.ts";
import { canonicalJson } from "../../../src/protocol/canonical.ts";

/** The outcome of an entry, as its device knows it. */
export type Outcome = "open" | "accepted" | "rejected" | "parked" | "expired" | "withdrawn" | "discarded" | "lost";

/** One submission: a draft or a batch. */
export interface Submitted {
  readonly key: string;
  readonly mode: PendingEntry["mode"];
  readonly drafts: readonly QueuedDraft[];
  outcome: Outcome;
  wasSent?: true;
  /** A time of the server's clock before it may have been sent first, in milliseconds since 1970. */
  sentAfter?: number;
  /** It was sent while its storage failed, which may have kept it as never sent. */
  unmarked?: true;
  /** The application has withdrawn it, or does not wait any more: after a crash before it is removed it is sent after later ones. */
  leaving?: true;
  /** `flushed` has said that it is stored. */
  flushed?: true;
  /** What it changes: it takes the place of what was not sent, and has the same name. */
  replaces?: string | undefined;
  /** Its position among all submissions. */
  readonly place: number;
}

/** All submissions of a device. */
export class Book {
  readonly #entries = new Map<string, Submitted>();
  readonly #byDraft = new Map<string, Submitted>();
  /** Drafts by their content. */
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

  /** The drafts with the same content as this one, including itself. */
  alike(draftId: string): readonly string[] {
    return this.#alike.get(this.#contents.get(draftId)!)!;
  }

  /** Adds an entry, if it is new. */
  add({ key, mode, drafts }: Pick<PendingEntry, "key" | "mode" | "drafts">, replaces?: string): Submitted {
    const known = this.#entries.get(key);
    if (known) return known;
    const entry: Submitted = { key, mode, drafts, outcome: "open", replaces, place: this.#entries.size };
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

  /** Records the outcome of an entry, if it has none. */
  settle(key: string, outcome: Outcome): void {
    const entry = this.#entries.get(key);
    if (entry?.outcome === "open") entry.outcome = outcome;
  }
}
