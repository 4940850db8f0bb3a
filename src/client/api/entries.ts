import type { Failure, Problem } from "../../protocol/index.ts";
import type { QueueEntry, QueueStore } from "../stores/store.ts";
import type { Backend } from "../sync/backend.ts";
import type { BatchVerdict, Verdict } from "../sync/verdict.ts";
import type { Emitter } from "./emitter.ts";
import type { ClientEvents } from "./events.ts";
import type { Step } from "./history.ts";
import type { Replacing } from "./queue-tools.ts";
import type { Undoing } from "./undoing.ts";
import type { View } from "./view.ts";

type AnyVerdict = Verdict | BatchVerdict;

/** The entries of this client from their submission to their verdict, in the view, the store and the backend. */
export class Entries<S extends object> {
  /** Undefined: it is not loaded, because the model declares nothing to undo. */
  history: Undoing | undefined;
  /** Entries on which the server failed, by key. */
  readonly parked = new Map<string, QueueEntry>();
  /** Resolves when all entries that have left the queue are removed from the store. */
  removal: Promise<void> | undefined;
  /** Resolves when what the server has rejected is on its way to the store. */
  keeping: Promise<void> | undefined;
  /** Entries that the server has rejected, by key, oldest first. */
  rejected = new Map<string, QueueEntry>();
  /** Undefined while it is not loaded: until then drafts replace no others. */
  #tools: typeof import("./rarely.ts") | undefined;
  readonly #view: View<S>;
  readonly #emitter: Emitter<ClientEvents>;
  /** Something that the application can read has changed. */
  readonly changed: () => void;
  /** Resolve the promises of verdicts, by key. */
  readonly waiting = new Map<string, (verdict: AnyVerdict) => void>();
  /** Resolves when all appends so far are stored. */
  appended: Promise<unknown> = Promise.resolve();
  #closed = false;
  #store: QueueStore | undefined;
  #backend: Backend | undefined;

  constructor(view: View<S>, emitter: Emitter<ClientEvents>, changed: () => void) {
    this.#view = view;
    this.#emitter = emitter;
    this.changed = changed;
  }

  /** From now on entries are stored and sent. */
  open(store: QueueStore, backend: Backend): void {
    this.#store = store;
    this.#backend = backend;
  }

  /**
   * Submits an entry. Resolves with its verdict; returns a failure where the model rejects it here. While the replica
   * cannot judge it, only its shape is judged. `step`: it undoes or redoes something, and can be undone with this step.
   */
  add(entry: QueueEntry, signal?: AbortSignal, step?: Step): Promise<AnyVerdict> | Failure {
    const { key } = entry;
    let replacing: Replacing | undefined;
    if (entry.replaces !== undefined) {
      replacing = this.#tools?.replacing(entry, this.#view, this, this.changed);
      void this.loadTools();
    }
    const replica = this.#view.rebased();
    const judged = replica.judges;
    const change = this.history?.recorder(entry);
    const failure = replica.add(entry, false, change);
    if (failure && (judged || failure.layer === "schema")) {
      replica.settle(key);
      replacing?.undo();
      return failure;
    }
    this.history?.add(change!, step);
    const placed = this.#view.merging?.place(entry, !signal) ?? entry;
    // Stored and sent at the same time: after a crash in between there is at most an event that nothing here waits for.
    this.append(placed);
    const verdict = this.#wait(placed.key);
    replacing?.finish();
    this.send(placed);
    this.changed();

    const abort = async () => {
      await this.withdraw(key);
      if (this.#view.replica.has(key)) this.#resolve(key, { status: "undecided" });
    };
    signal?.addEventListener("abort", abort);
    return verdict.finally(() => signal?.removeEventListener("abort", abort));
  }

  /** Withdraws an entry if it was not sent. Then it is settled when this returns or resolves. */
  withdraw(key: string, replaced?: true): void | Promise<unknown> {
    if (this.#backend && !this.#view.replica.entry(key)?.held) return this.#backend.withdraw(key, replaced);
    // It is not sent: the store is not open, or it is held.
    this.settle(key, { status: "withdrawn", ...(replaced && { replaced }) });
    this.changed();
  }

  async loadTools(): Promise<void> {
    // Without it drafts replace no others, until it can be loaded.
    this.#tools = await import("./rarely.ts").catch(() => undefined);
  }

  /** Gives an entry to the backend, unless it is held. */
  send(entry: QueueEntry, sent?: boolean): void {
    if (!entry.held) this.#backend?.offer(entry, sent);
  }

  append(entry: QueueEntry): void {
    this.appended = Promise.all([this.appended, this.#store?.append(entry)]);
  }

  /** Withdraws an entry if the server has not decided it, and will not. Resolves with whether it is withdrawn. */
  async isWithdrawn(key: string, replaced?: true): Promise<boolean> {
    if (!this.#view.replica.has(key)) return false;
    const verdict = this.#wait(key);
    await this.withdraw(key, replaced);
    return !this.#view.replica.has(key) && (await verdict).status === "withdrawn";
  }

  /** Sends a parked entry again. */
  retry(key: string): Promise<AnyVerdict> | undefined {
    const parked = this.parked.get(key);
    if (!parked) return undefined;
    this.parked.delete(key);
    const { parked: _, ...entry } = parked;
    this.#view.rebased().add(entry);
    void this.#store?.update(entry);
    const verdict = this.#wait(key);
    this.send(entry, entry.sentAt !== 0);
    this.changed();
    return verdict;
  }

  /** Forgets a parked or rejected entry. */
  discard(key: string): void {
    if (!this.forgotten(key)) return;
    void this.#store?.remove([key]);
    this.#backend?.discard?.(key);
    this.changed();
  }

  /** Another tab may have forgotten it. Returns whether it was here. */
  forgotten(key: string): boolean {
    return this.parked.delete(key) || this.rejected.delete(key);
  }

  /** Whether a later entry can replace this one. */
  canReplace(key: string): boolean {
    return this.#backend?.canReplace(key) ?? true;
  }

  /** The server cannot decide the entry: it is kept aside. */
  park(entry: QueueEntry, problem: Problem, store: QueueStore | undefined): void {
    const parked = { ...entry, parked: problem };
    this.parked.set(entry.key, parked);
    void store?.update(parked);
    this.#emitter.emit("parked", { entry: parked, problem });
  }

  /** Another tab has submitted `entry`, or sent it again; returns whether that changes the view. */
  share(entry: QueueEntry): boolean {
    this.parked.delete(entry.key);
    if (this.#view.replica.has(entry.key)) return false;
    this.#view.merging?.share(entry);
    this.#view.rebased().add(entry);
    return true;
  }

  /** The entry leaves the queue. `still`: its event does not come into the view; so what was accepted stays in it as it is. */
  settle(key: string, verdict: AnyVerdict, still = false): void {
    const { replica } = this.#view;
    if (this.#view.merging?.again(key, verdict)) return;
    const entry = replica.entry(key);
    replica.settle(key, still && verdict.status === "accepted");
    this.history?.settle(key, verdict);
    if (verdict.status === "parked") {
      // An entry of another tab, which keeps it.
      if (!entry) return;
      // The server has seen it.
      const seen = { ...entry, sentAt: entry.sentAt || verdict.problem.timestamp };
      this.park(seen, verdict.problem, this.#store);
    } else if (entry && verdict.status === "rejected") {
      const { rejected } = this;
      // An entry that is not kept, because of a crash or because the code cannot be loaded, is sent again, and gets its verdict again.
      this.keeping = import("./rarely.ts").then(
        ({ keepRejected }) => keepRejected(entry, verdict, rejected, this, this.#store),
        () => {},
      );
      this.#emitter.emit("rejected", { entry, verdict });
    } else {
      this.parked.delete(key);
      // The tab of what the store has lost may be about to store it.
      if (!("lost" in verdict)) this.removal = this.#store?.remove([key]);
      if (entry && verdict.status === "expired") this.#emitter.emit("expired", { entry });
    }
    // `withdrawn` is reported only after the removal, when no crash can bring the entry back.
    if (verdict.status === "withdrawn" && this.removal) void this.removal.then(() => this.#resolve(key, verdict));
    else this.#resolve(key, verdict);
  }

  /** From now on no verdict comes. */
  close(): void {
    this.#closed = true;
    for (const key of this.waiting.keys()) this.#resolve(key, { status: "undecided" });
    this.history?.forget();
  }

  /** Shows nothing of what was submitted. */
  forget(): void {
    this.parked.clear();
    this.history?.forget();
    this.rejected = new Map();
  }

  #wait(key: string): Promise<AnyVerdict> {
    if (this.#closed) return Promise.resolve({ status: "undecided" });
    const other = this.waiting.get(key);
    return new Promise((resolve) =>
      this.waiting.set(key, (verdict) => {
        other?.(verdict);
        resolve(verdict);
      }),
    );
  }

  #resolve(key: string, verdict: AnyVerdict): void {
    this.waiting.get(key)?.(verdict);
    this.waiting.delete(key);
  }
}
