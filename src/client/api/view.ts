import type { DeepReadonly } from "../../model/index.ts";
import type { Failure } from "../../protocol/index.ts";
import type { Replica } from "../sync/replica.ts";
import type { Held } from "../sync/status.ts";
import type { PendingEntry } from "./drafts.ts";
import type { Merging } from "./merging.ts";

/** What the application reads: the optimistic state and the pending entries, computed once after each change. */
export class View<S extends object> {
  /** Pending entries may have to be applied: see `rebased`. */
  replica: Replica<S>;
  /** Undefined: it is not loaded, because the model merges nothing. */
  merging: Merging | undefined;
  /** What holds the pending entries back. */
  held: Held | undefined;
  #state: DeepReadonly<S> | undefined;
  #pending: readonly PendingEntry[] | undefined;
  #fallen: { key: string; failure: Failure }[] = [];

  constructor(replica: Replica<S>) {
    this.replica = replica;
  }

  /** The replica with all pending entries applied. */
  rebased(): Replica<S> {
    this.#fallen.push(...this.replica.rebase().fallen);
    return this.replica;
  }

  get state(): DeepReadonly<S> {
    return (this.#state ??= this.rebased().publish() as DeepReadonly<S>);
  }

  get pending(): readonly PendingEntry[] {
    const replica = this.rebased();
    return (this.#pending ??= replica.pending.map(({ entry, failure = this.held, ...how }) =>
      Object.assign({ failure, ...how }, entry),
    ));
  }

  /** Something has changed: what was computed before is no longer valid. */
  changed(): void {
    this.#state = undefined;
    this.#pending = undefined;
  }

  /**
   * The entries that do not fit any more, since the last call. They are collected, because `rebased`
   * may run while the application reads: listeners must not be called then.
   */
  takeFallen(): readonly { key: string; failure: Failure }[] {
    const replica = this.rebased();
    const fallen = this.#fallen.filter(({ key }) => replica.has(key));
    this.#fallen = [];
    return fallen;
  }
}
