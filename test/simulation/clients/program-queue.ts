import type { PendingEntry, QueueEntry } from "../../../src/client/index.ts";
import type { Book, Submitted } from "./book.ts";
import type { AnyClient } from "./program.ts";
import type { Reporter } from "./reporter.ts";
import type { Server } from "./server.ts";

/** At least this number of rejected entries is kept: one of the runs has at most 8 KiB with its verdict. */
const rejectedMin = 64;

/** Checks the queue of one client: its entries, those that the server may know, and that none is lost. */
export class ProgramQueue {
  readonly #book: Book;
  readonly #reporter: Reporter;
  /** Keys with an outcome, as their connection reported: they are never sent again. */
  readonly #settled = new Set<string>();
  /** Keys that the server may have seen. */
  readonly #sent = new Set<string>();
  /** Keys that were sent, and are kept as never sent. */
  readonly #unmarked = new Set<string>();
  /** Keys that may be in a fetched state: they are not shown. */
  #doubtful = new Set<string>();
  /** Keys in the queue or parked, at the last check. */
  #here = new Set<string>();
  /** Keys that an earlier program has submitted. */
  readonly #loaded = new Set<string>();
  /** Keys of drafts that the client made after a conflict. */
  readonly #retried = new Set<string>();
  /** Keys that the application does not wait for any more. */
  readonly #aborted = new Set<string>();
  /** Keys that the server has rejected, and that the application has not discarded. */
  readonly #rejected = new Set<string>();

  /** Called with each draft that the client made after a conflict. */
  readonly #onRetried: (entry: PendingEntry) => void;

  constructor(book: Book, reporter: Reporter, onRetried: (entry: PendingEntry) => void) {
    this.#book = book;
    this.#reporter = reporter;
    this.#onRetried = onRetried;
  }

  get keys(): Iterable<string> {
    return this.#here;
  }

  get settled(): Set<string> {
    return this.#settled;
  }

  /** The keys of what was rejected, which is kept to be read. */
  get rejected(): ReadonlySet<string> {
    return this.#rejected;
  }

  /** Its user has signed out. */
  forget(): void {
    this.#here.clear();
    this.#rejected.clear();
  }

  isAborted(key: string): boolean {
    return this.#aborted.has(key);
  }

  /** Whether the server may have seen it. */
  wasSent(key: string): boolean {
    return this.#sent.has(key) || this.#unmarked.has(key);
  }

  /** Whether the application does not wait any more for it, or for a draft that the client made of it after a conflict. */
  mayBeWithdrawn(key: string): boolean {
    return this.#aborted.has(key) || [...this.#retried].some((retried) => this.#aborted.has(retried));
  }

  isShown(key: string): boolean {
    return !this.#doubtful.has(key);
  }

  /** The number of keys that are not shown. */
  get doubtful(): number {
    return this.#doubtful.size;
  }

  /** The store has loaded these entries. */
  loaded(entries: readonly QueueEntry[]): void {
    for (const { key, mode, drafts, parked, rejected, sentAt, replaces } of entries) {
      // It was decided by an earlier program.
      if (rejected) {
        this.#rejected.add(key);
        continue;
      }
      const entry = this.#book.add({ key, mode, drafts }, replaces);
      // That it is parked may not be stored.
      if (!parked && entry.outcome === "parked") entry.outcome = "open";
      this.#here.add(key);
      this.#loaded.add(key);
      if (parked) this.#settled.add(key);
      else if (sentAt !== 0) this.#sent.add(key);
      else if (entry.unmarked) this.#unmarked.add(key);
      else this.#reporter.check(!entry.wasSent, () => `${key} was sent, and is kept as never sent`);
    }
  }

  /** The application has submitted an entry; undefined if it was rejected at once. */
  submitted(client: AnyClient, before: ReadonlySet<string>, replaces: string | undefined): Submitted | undefined {
    const pending = client.pending.find(({ key }) => !before.has(key));
    if (!pending) return undefined;
    this.#here.add(pending.key);
    return this.#book.add(pending, replaces);
  }

  /**
   * The application has submitted `entry`; undefined: it was rejected at once. What it replaces has left the queue, if it was
   * not sent; and nothing else. `hidden`: what was not shown before. `replacing`: whether drafts replace others yet.
   */
  replaces(
    client: AnyClient,
    before: ReadonlySet<string>,
    hidden: ReadonlySet<string>,
    entry: Submitted | undefined,
    replacing: boolean,
  ): void {
    const { pending } = client;
    const left = new Map(pending.map(({ key, undoing }) => [key, undoing]));
    for (const key of before) {
      const { replaces } = this.#book.get(key) ?? {};
      const isReplaced = !left.has(key);
      const has = (name: string | undefined) => name !== undefined && name === replaces;
      const may = replacing && has(entry?.replaces) && !hidden.has(key);
      this.#reporter.check(!isReplaced || may, () => `${key} has left the queue with the submission of ${entry?.key}`);
      const must = may && !this.wasSent(key);
      this.#reporter.check(isReplaced || !must, () => `${key} was not sent, and ${entry?.key} does not replace it`);
      const shown = left.get(key) === hidden.has(key);
      this.#reporter.check(isReplaced || shown, () => `${key} is hidden by the submission of ${entry?.key}`);
      if (!isReplaced) continue;
      this.#leave(key);
      // Of what an earlier program has submitted, this one does not say when it is not stored any more.
      if (this.#loaded.has(key)) this.#book.settle(key, "lost");
    }
  }

  /** The server has rejected an entry: it is kept to be read. */
  wasRejected(key: string): void {
    this.#rejected.add(key);
  }

  /** The application has read what was rejected. */
  discarded(key: string): void {
    this.#rejected.delete(key);
  }

  /** The client has submitted its last `count` entries to undo or redo something. Returns them. */
  undoes(pending: readonly PendingEntry[], count: number): Submitted[] {
    const first = pending.length - count;
    this.findRetried(pending.slice(0, first));
    return pending.slice(first).map((entry) => {
      this.#here.add(entry.key);
      return this.#book.add(entry);
    });
  }

  /** Finds the drafts that the client made after a conflict. */
  findRetried(pending: readonly PendingEntry[]): void {
    for (const entry of pending) {
      if (this.#book.get(entry.key)) continue;
      this.#retried.add(entry.key);
      // It replaces the same as the first one.
      this.#book.add(entry, entry.replaces);
      this.#onRetried(entry);
    }
  }

  /** `beganAt`: when the connection began, by the server's clock. `degraded`: its storage fails. */
  sent(key: string, beganAt: number, degraded: boolean): void {
    this.#sent.add(key);
    const entry = this.#book.get(key);
    if (!entry) return;
    entry.wasSent = true;
    entry.sentAfter ??= beganAt;
    if (degraded) entry.unmarked = true;
  }

  /** Whether the storage has kept an entry as never sent, though it was sent while the storage failed. */
  get hasUnmarked(): boolean {
    return this.#unmarked.size > 0 && [...this.#unmarked].some((key) => this.#here.has(key));
  }

  /** A parked entry is sent again. `isDecided`: the server knows its outcome, and the client does not. */
  retried(key: string, isDecided: boolean): void {
    if (isDecided) this.#unmarked.add(key);
    this.#settled.delete(key);
    this.#doubtful.delete(key);
    this.#sent.add(key);
    this.#book.get(key)!.outcome = "open";
  }

  /** It could not be withdrawn. */
  goesOn(key: string): void {
    this.#aborted.delete(key);
  }

  /** The application does not wait any more for it, or for the draft that the client made of it after a conflict. */
  aborted(key: string): void {
    for (const one of [key, ...this.#retried]) this.#leave(one);
  }

  #leave(key: string): void {
    this.#aborted.add(key);
    const entry = this.#book.get(key);
    if (entry) entry.leaving = true;
  }

  /** An entry that the application does not wait for was withdrawn, or a draft that the client made of it after a conflict. */
  withdrawn(client: AnyClient, entry: string, outcome: "withdrawn" | "lost"): void {
    const pending = new Set(client.pending.map(({ key }) => key));
    for (const key of [entry, ...this.#retried]) {
      if (!this.#aborted.has(key) || pending.has(key)) continue;
      this.#book.settle(key, this.#unmarked.has(key) ? "lost" : outcome);
    }
  }

  /** The log was replaced: answers that were not reported yet are undecided in it. */
  reopened(): void {
    for (const key of this.#settled) if (this.#book.get(key)?.outcome === "open") this.#settled.delete(key);
  }

  /** A state was fetched: it may have events of entries that were sent. */
  fetched(client: AnyClient): void {
    this.reopened();
    this.#doubtful = new Set(client.pending.map(({ key }) => key).filter((key) => this.#sent.has(key)));
  }

  /** Checks the current queue. `complete`: it also includes the entries of the store. `beganAt`: of a connection that is online. */
  look(client: AnyClient, complete: boolean, server: Server, principal: string, beganAt?: number): void {
    const here = new Set<string>();
    this.findRetried(client.pending);
    for (const entry of [...client.pending, ...client.parked]) {
      const submitted = this.#book.add(entry);
      // It may be sent at once, as far as the storage knows.
      if (beganAt !== undefined) submitted.sentAfter ??= beganAt;
      here.add(entry.key);
    }
    for (const key of this.#here) {
      if (here.has(key)) continue;
      if (!complete || !this.#mayBeGone(this.#book.get(key)!, server, principal)) here.add(key);
    }
    this.#here = here;
    this.#lookAtRejected(client);
  }

  #lookAtRejected(client: AnyClient): void {
    const kept = new Set(client.rejected.map(({ key }) => key));
    for (const key of kept) {
      this.#reporter.check(this.#rejected.has(key), () => `${key} is kept as rejected, and is discarded, or was not`);
    }
    for (const { key } of [...client.pending, ...client.parked])
      this.#reporter.check(!kept.has(key), () => `${key} is rejected, and in the queue`);
    for (const key of this.#rejected) {
      if (kept.has(key)) continue;
      // The oldest ones are not kept.
      this.#reporter.check(kept.size >= rejectedMin, () => `${key} was rejected, and is not kept`);
      this.#rejected.delete(key);
    }
  }

  /** An entry that has left the queue is decided or discarded, or its withdrawal will be reported. */
  #mayBeGone(entry: Submitted, server: Server, principal: string): boolean {
    if (entry.outcome !== "open") return true;
    const outcome = server.outcomeOf(entry, principal);
    const excused = outcome !== undefined || this.#aborted.has(entry.key);
    this.#reporter.check(excused, () => `${entry.key} has left the queue, and is not decided`);
    if (outcome) entry.outcome = outcome;
    return outcome !== undefined;
  }
}
