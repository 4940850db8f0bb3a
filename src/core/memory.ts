import type { StorageWrites, Synchronous } from "../storage/port.ts";
import { MigrationError } from "../storage/migrations.ts";
import type { Environment } from "./environment.ts";
import { isFault } from "./faults.ts";
import type { Known } from "./fold.ts";
import { Live } from "./live.ts";
import { describe } from "./ports.ts";
import { modelTag } from "./model-tag.ts";
import type { Folding, FoldPosition, Slice } from "./rebuilding.ts";

/** What a partition has in memory of its storage, and the one way to write: the two never differ after a failure. */
export class Memory {
  readonly #environment: Environment;
  readonly #folding: Folding;
  readonly #loaded: (live: Live) => void;
  #live: Live | undefined;
  readonly #known: Known = { fault: undefined, abandonedAt: -Infinity };
  /** Why the storage cannot be opened. */
  #broken: Error | undefined;

  /** `loaded`: called after each load. */
  constructor(environment: Environment, folding: Folding, loaded: (live: Live) => void) {
    this.#environment = environment;
    this.#folding = folding;
    this.#loaded = loaded;
  }

  /** Undefined before the first use, and after a failed commit: then it is rebuilt from storage. */
  get live(): Live | undefined {
    return this.#live;
  }

  /** Whether the storage can never be opened by this code. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /** How the log is, as far as it was loaded; undefined: nothing was ever written, or it is not loaded. */
  get condition(): "sound" | "quarantined" | undefined {
    if (this.#broken) return isFault(this.#broken) ? "quarantined" : undefined;
    const { head, fold } = this.#live ?? {};
    if (!head || (head.logId === undefined && head.eventId === 0)) return undefined;
    return fold?.fault ? "quarantined" : "sound";
  }

  /**
   * What is in memory; first makes the schema current and loads it, where it is not there.
   *
   * @throws Damage or MigrationError, the same at each call; or an error of the storage: the next call tries again.
   */
  load(now: number): Live {
    if (!this.#live) {
      if (this.#broken) throw this.#broken;
      this.#live = this.#read(now);
      this.#environment.ports.measure("loads", 1);
      this.#noteFault(this.#live);
      this.#loaded(this.#live);
    }
    return this.#live;
  }

  /** Folds the next part of a log that was too long to be folded at once. Returns how far it is; undefined: nothing is left. */
  advance(now: number): FoldPosition | undefined {
    const live = this.load(now);
    const { ports } = this.#environment;
    try {
      live.advance(ports.storage, this.#environment, this.#sliceOf(live), now);
    } catch (error) {
      // A part of the slice is in the state, and its position does not say so: those events would be folded twice.
      this.#live = undefined;
      throw error;
    }
    this.#noteFault(live);
    return live.fold.position;
  }

  /**
   * Whether the state before the last event is to be stored, because another model has its snapshot of the last one; it is
   * reached.
   */
  storesBeforeHead(now: number): boolean {
    const live = this.load(now);
    return live.fold.behind === live.head.eventId - 1 && this.#headIsOfOther(live);
  }

  #headIsOfOther({ head }: Live): boolean {
    const { model, ports } = this.#environment;
    return ports.storage.snapshots.isOfOther(head.eventId, model.version, modelTag(model));
  }

  #sliceOf(live: Live): Slice {
    const { turn } = this.#folding;
    const left = live.head.eventId - 1 - (live.fold.behind ?? 0);
    return left > 0 && this.#headIsOfOther(live) ? { ...turn, events: Math.min(turn.events, left) } : turn;
  }

  #noteFault({ fold: { fault }, faults }: Live): void {
    if (fault) faults.report(fault, this.#environment);
  }

  #read(now: number): Live {
    const { name, ports, authors } = this.#environment;
    try {
      ports.storage.open(now);
      authors.load(ports.storage, now);
      return new Live(ports.storage, this.#environment, this.#folding, this.#known, now);
    } catch (error) {
      if (isFault(error) || error instanceof MigrationError) {
        this.#broken = error;
        ports.log("storage_not_opened", { ...name, error: describe(error) });
      }
      throw error;
    }
  }

  /** A snapshot could not be written: another one is due when the log has grown further. */
  abandonSnapshot({ logBytes, state }: { logBytes: number; state: Iterable<string> }): void {
    const live = this.#live;
    if (live && !live.fold.isSnapshotting(state)) return;
    // Where a write has failed, the state is loaded again: without this, each load would try again at once.
    this.#known.abandonedAt = live?.head.logBytes ?? logBytes;
    live?.fold.abandonSnapshot();
  }

  /** The one way to write. If it throws, memory may be ahead of storage, or behind it: it is dropped. */
  write<T>(now: number, body: (writes: StorageWrites) => Synchronous<T>): T {
    try {
      const { authors, ports } = this.#environment;
      const result = ports.storage.transaction(now, (writes) => {
        authors.keep(writes);
        return body(writes);
      });
      this.#live?.fold.commit();
      return result;
    } catch (error) {
      this.#live = undefined;
      throw error;
    }
  }
}
