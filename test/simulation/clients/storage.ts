import {
  type BaseTail,
  type OpenStore,
  type QueueEntry,
  type QueueStore,
  type StoredBase,
  StoreError,
  type StoreFailure,
} from "../../../src/client/index.ts";
import type { Random } from "../random.ts";
import type { Schedule } from "../schedule.ts";

/** The parts of the storage of a device. */
export interface StorageParts {
  readonly random: Random;
  readonly schedule: Schedule;
  /** The duration of a call, in milliseconds. */
  readonly latencyMsMax: number;
  /** The position of the confirmed state that is being saved; returned when it is loaded. */
  position(): unknown;
  /** A program opens what is kept under this name. */
  onOpened(scope: string): void;
  /** A program has loaded these entries, and a base with this position. */
  onLoaded(entries: readonly QueueEntry[], position: unknown): void;
}

/** A call that is not durable yet. */
interface Call {
  /** Makes it durable. */
  apply(): void;
  done(error: StoreError | undefined): void;
}

/**
 * The storage of one device, for all its programs. Each call takes effect with a delay, in order. A crash
 * loses pending calls, from a random one on.
 */
export class DeviceStorage {
  readonly #parts: StorageParts;
  /** The entries, as JSON text by key, in the order of appending. */
  readonly #entries = new Map<string, string>();
  readonly #had = new Set<string>();
  /** The base, its tail and its end, with the position of its end. */
  #base:
    | { text: string; tail: string[]; end: Pick<BaseTail, "serverId" | "eventId" | "proof">; position: unknown }
    | undefined;
  /** Whether its store keeps the events after a base, as stores of the version before do not. */
  readonly #extends: boolean;
  #clientId: string | undefined;
  #calls: Call[] = [];
  #lastAt = 0;
  /** Counts programs. */
  #program = 0;
  /** Changes when what is open fails from then on. */
  #opening = 0;
  /** The reason why all calls fail, if they do. */
  failure: StoreFailure | undefined;
  /** Whether the present program could not open it, because there is none. */
  wasUnavailable = false;

  constructor(parts: StorageParts) {
    this.#parts = parts;
    this.#extends = parts.random.chance(0.7);
  }

  /** The keys of the durable entries without a verdict. */
  get keys(): readonly string[] {
    return [...this.#entries].filter(([, text]) => !(JSON.parse(text) as QueueEntry).rejected).map(([key]) => key);
  }

  /** Whether all calls have taken effect. */
  get isIdle(): boolean {
    return this.#calls.length === 0;
  }

  /** Whether nothing is kept. */
  get isEmpty(): boolean {
    return this.#entries.size === 0 && this.#base === undefined && this.#clientId === undefined;
  }

  /** The keys of the durable entries that were rejected. */
  get rejected(): readonly string[] {
    return [...this.#entries].filter(([, text]) => (JSON.parse(text) as QueueEntry).rejected).map(([key]) => key);
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** Whether it was stored since the program started. */
  hasHad(key: string): boolean {
    return this.#had.has(key);
  }

  /** The user, or the browser, deletes everything: stores that are open fail from then on. */
  clear(): void {
    this.#entries.clear();
    this.#base = undefined;
    this.#clientId = undefined;
    this.#opening++;
    const error = new StoreError("failed", new Error("cleared"));
    this.#calls = this.#calls.map(({ done }) => ({ apply: () => {}, done: () => done(error) }));
  }

  /** Loses the base. */
  dropBase(): void {
    this.#base = undefined;
  }

  /** Loses an entry, for a planted bug. */
  forget(key: string): void {
    this.#entries.delete(key);
  }

  /** The store for the client. */
  readonly open: OpenStore = async (scope) => {
    this.#parts.onOpened(scope);
    this.#had.clear();
    const program = this.#program;
    this.wasUnavailable = this.failure === "unavailable";
    await this.#call(() => {});
    const opening = this.#opening;
    let closed = false;
    const call = <T>(apply: () => T): Promise<T> => {
      if (closed || program !== this.#program || opening !== this.#opening)
        return Promise.reject(new StoreError("failed", new Error("closed")));
      return this.#call(apply);
    };
    const store: QueueStore = {
      durable: true,
      load: async () => {
        const { loaded, position } = await call(() => this.#load());
        this.#parts.onLoaded(loaded.entries, position);
        return loaded;
      },
      identify: (fresh) => call(() => (this.#clientId ??= fresh)),
      append: (entry) => {
        const text = JSON.stringify(entry);
        return call(() => {
          if (!this.#entries.has(entry.key)) this.#entries.set(entry.key, text);
          this.#had.add(entry.key);
        });
      },
      update: (entry) => {
        const text = JSON.stringify(entry);
        return call(() => {
          if (this.#entries.has(entry.key)) this.#entries.set(entry.key, text);
        });
      },
      remove: (keys) => {
        const removed = [...keys];
        return call(() => {
          for (const key of removed) this.#entries.delete(key);
        });
      },
      saveBase: (base) => {
        const { serverId, eventId, proof } = base;
        const end = { serverId, eventId, proof };
        const kept = { text: JSON.stringify(base), tail: [], end, position: this.#parts.position() };
        return call(() => {
          this.#base = kept;
          return true;
        });
      },
      delete: (what) =>
        call(() => {
          this.#base = undefined;
          if (what === "base") return;
          this.#entries.clear();
          this.#clientId = undefined;
        }),
      close: async () => {
        if (closed) return;
        const last = this.#call(() => {});
        closed = true;
        await last.catch(() => {});
      },
    };
    if (this.#extends)
      store.extendBase = ({ serverId, after, afterProof, eventId, proof, events }) => {
        const position = this.#parts.position();
        return call(() => {
          const end = this.#base?.end;
          if (end?.serverId !== serverId || end.eventId !== after || end.proof !== afterProof) return false;
          this.#base!.tail.push(events);
          Object.assign(this.#base!, { end: { serverId, eventId, proof }, position });
          return true;
        });
      };
    return store;
  };

  /** The program has crashed: the later part of its calls is lost. */
  crash(): void {
    this.#program++;
    const kept = this.#parts.random.between(0, this.#calls.length);
    const calls = this.#calls.splice(0);
    if (this.failure === undefined) for (const { apply } of calls.slice(0, kept)) apply();
  }

  #load() {
    const entries = Array.from(this.#entries.values(), (text) => JSON.parse(text) as QueueEntry);
    for (const { key } of entries) this.#had.add(key);
    const base = this.#base && { ...(JSON.parse(this.#base.text) as StoredBase), tail: [...this.#base.tail] };
    return { loaded: { entries, base }, position: this.#base?.position };
  }

  #call<T>(apply: () => T): Promise<T> {
    const { random, schedule, latencyMsMax } = this.#parts;
    const program = this.#program;
    return new Promise((resolve, reject) => {
      let result: T;
      this.#calls.push({
        apply: () => (result = apply()),
        done: (error) => (error ? reject(error) : resolve(result)),
      });
      const delayMs = random.chance(0.5) ? 0 : random.between(0, latencyMsMax);
      this.#lastAt = Math.max(this.#lastAt, schedule.now + delayMs);
      schedule.after(this.#lastAt - schedule.now, () => {
        if (program === this.#program) this.#next();
      });
    });
  }

  #next(): void {
    const { random } = this.#parts;
    const call = this.#calls.shift()!;
    // A rejected call may have taken effect.
    if (this.failure === undefined || random.chance(0.2)) call.apply();
    call.done(this.failure && new StoreError(this.failure, new Error("simulated")));
  }
}
