import type { State } from "../../model/index.ts";
import { type Follower, keys, type Part, type Reader, Tracker, whole } from "../../model/tracking.ts";
import type { Client } from "../api/client.ts";
import type { SelectOptions, Selection } from "./selection.ts";
import { plain, shared } from "./plain.ts";
import { SpliceWindow } from "./splice-window.ts";

type AnyClient = Pick<Client<any, any>, "live" | "subscribe">;
type Selector<T> = (state: object) => T;

/** A container with everything in it. */
const deep = Symbol("deep");

const known = new WeakMap<object, Selections>();

/**
 * All selections of one client. Those that have listeners are found by what they have read. A change counts when the
 * next selection is read, or when the client calls its listeners, and only if the value is another one then: what was
 * undone and applied again is no change.
 */
export class Selections implements Follower {
  readonly #client: AnyClient;
  #state: State<object> | undefined;
  #tracker: Tracker | undefined;
  #unfollow: (() => void) | undefined;
  #unsubscribe: (() => void) | undefined;
  /** The selections that have listeners, by what they have read. */
  #readers = new Map<object, Map<Part, Set<Selected<unknown>>>>();
  #deepReaders = 0;
  readonly #subscribed = new Set<Selected<unknown>>();
  /** The subscribed selections of which something was written, or that have another value since listeners were called. */
  readonly #restless = new Set<Selected<unknown>>();
  /** What was written since changes counted last: the values before. */
  readonly #properties = new Map<object, Map<string, unknown>>();
  readonly #arrays = new Map<unknown[], SpliceWindow>();
  /** The number of writes, undone ones included. */
  writes = 0;

  static of(client: AnyClient): Selections {
    let selections = known.get(client);
    if (!selections) known.set(client, (selections = new Selections(client)));
    return selections;
  }

  private constructor(client: AnyClient) {
    this.#client = client;
  }

  select<T>(selector: Selector<T>, options: SelectOptions<T>): Selection<T> {
    return new Selected(this, selector, options);
  }

  /** Makes all changes of the state count. */
  refresh(): void {
    const state = this.#client.live;
    if (state !== this.#state) this.#follow(state);
    for (const [container, before] of this.#properties) this.#countProperties(container, before);
    this.#properties.clear();
    for (const [array, window] of this.#arrays) this.#countSplices(array, window);
    this.#arrays.clear();
  }

  /** Runs a selector. Call `refresh` before. Returns plain data, which shares with the state what has not changed. */
  run<T>(selector: Selector<T>, reads: Reader): T {
    const state = this.#state!;
    const tracker = this.#tracker!;
    const value = tracker.tell(reads, () => state.read(selector));
    return plain(value, (part) => {
      const container = tracker.unwrap(part);
      if (container === part) return part;
      reads.read(container, deep, false);
      return state.published!.publish(container as never);
    }) as T;
  }

  subscribe(selected: Selected<any>): void {
    this.#subscribed.add(selected);
    this.#unsubscribe ??= this.#client.subscribe(() => this.#notify());
  }

  unsubscribe(selected: Selected<any>): void {
    this.#subscribed.delete(selected);
    this.#restless.delete(selected);
    if (this.#subscribed.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  /** Its value is another one: its listeners are called together with those of the client. */
  changed(selected: Selected<any>): void {
    this.#restless.add(selected);
  }

  addReader(selected: Selected<any>, of: object, part: Part): void {
    let parts = this.#readers.get(of);
    if (!parts) this.#readers.set(of, (parts = new Map()));
    const readers = parts.get(part);
    if (readers) readers.add(selected);
    else parts.set(part, new Set([selected]));
    if (part === deep) this.#deepReaders++;
  }

  removeReader(selected: Selected<any>, of: object, part: Part): void {
    const parts = this.#readers.get(of);
    const readers = parts?.get(part);
    if (!parts || !readers?.delete(selected)) return;
    if (part === deep) this.#deepReaders--;
    if (readers.size === 0) parts.delete(part);
    if (parts.size === 0) this.#readers.delete(of);
  }

  property(container: object, key: string, old: unknown): void {
    this.writes++;
    if (!this.#isRead(container)) return;
    let before = this.#properties.get(container);
    if (!before) this.#properties.set(container, (before = new Map()));
    if (!before.has(key)) before.set(key, old);
  }

  splice(array: unknown[], at: number, removed: readonly unknown[], inserted: readonly unknown[]): void {
    this.writes++;
    if (!this.#isRead(array)) return;
    let window = this.#arrays.get(array);
    if (!window) this.#arrays.set(array, (window = new SpliceWindow(array, at)));
    window.splice(at, removed, inserted.length);
  }

  #isRead(container: object): boolean {
    return this.#deepReaders > 0 || this.#readers.has(container);
  }

  /** The client has another state: everything in it is new. */
  #follow(state: State<object>): void {
    this.#unfollow?.();
    this.#state = state;
    this.#tracker = Tracker.of(state);
    this.#unfollow = this.#tracker.follow(this);
    this.#readers = new Map();
    this.#deepReaders = 0;
    this.#properties.clear();
    this.#arrays.clear();
    this.writes++;
    for (const selected of this.#subscribed) this.#soil(selected);
  }

  #soil(selected: Selected<unknown>): void {
    selected.outdated = true;
    this.#restless.add(selected);
  }

  #countProperties(container: object, before: Map<string, unknown>): void {
    const parts = this.#readers.get(container);
    let any = false;
    for (const [key, old] of before) {
      const now = Object.hasOwn(container, key) ? (container as Record<string, unknown>)[key] : undefined;
      if (now === old) continue;
      any = true;
      this.#count(parts, key);
      if (old === undefined || now === undefined) this.#count(parts, keys);
    }
    if (any) this.#countWhole(container);
  }

  #countSplices(array: unknown[], window: SpliceWindow): void {
    const { change } = window;
    if (!change) return;
    const { at, removed, inserted } = change;
    const parts = this.#readers.get(array);
    const end = removed === inserted ? at + removed : Infinity;
    for (const part of parts?.keys() ?? []) {
      if (typeof part !== "string") continue;
      const moved = part === "length" ? removed !== inserted : Number(part) >= at && Number(part) < end;
      if (moved) this.#count(parts, part);
    }
    this.#countWhole(array);
  }

  #countWhole(container: object): void {
    this.#count(this.#readers.get(container), whole);
    if (this.#deepReaders === 0) return;
    const { parents } = this.#state!.published!;
    // A container that was put elsewhere since has changed its parents of both times.
    for (let at: object | undefined = container; at; at = parents.get(at)) {
      this.#count(this.#readers.get(at), deep);
    }
  }

  #count(parts: Map<Part, Set<Selected<unknown>>> | undefined, part: Part): void {
    for (const selected of parts?.get(part) ?? []) this.#soil(selected);
  }

  #notify(): void {
    this.refresh();
    const restless = [...this.#restless];
    this.#restless.clear();
    // All of them are computed before the first listener reads one.
    for (const selected of restless.filter((each) => each.update())) selected.call();
  }
}

/** One selection. Without listeners nothing refers to it, and it runs again after any change. */
class Selected<T> implements Selection<T>, Reader {
  readonly #all: Selections;
  readonly #selector: Selector<T>;
  readonly #isEqual: ((before: T, now: T) => boolean) | undefined;
  readonly #listeners = new Set<() => void>();
  #last: { readonly value: T } | undefined;
  /** The value when listeners were called or came last; undefined: the selector has thrown. */
  #told: { readonly value: T } | undefined;
  #reads = new Map<object, Set<Part>>();
  /** `Selections.writes` when it ran. */
  #ranAt = -1;
  #subscribed = false;
  /** Something that it has read has changed. */
  outdated = true;

  constructor(all: Selections, selector: Selector<T>, { isEqual, before }: SelectOptions<T>) {
    this.#all = all;
    this.#selector = selector;
    this.#isEqual = isEqual;
    this.#last = before;
  }

  readonly get = (): T => {
    this.#all.refresh();
    if (this.#isCurrent) return this.#last!.value;
    const before = this.#last;
    try {
      this.#run();
    } finally {
      if (this.#subscribed && (this.outdated || this.#last !== before)) this.#all.changed(this);
    }
    return this.#last!.value;
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    // The same function twice is two listeners.
    const own = () => listener();
    this.#listeners.add(own);
    if (!this.#subscribed) this.#begin();
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.#end();
    };
  };

  read(of: object, part: Part, existence: boolean): void {
    const parts = this.#reads.get(of);
    // A reader of all keys knows which ones are there.
    if (parts?.has(part) || (existence && parts?.has(keys))) return;
    if (parts) parts.add(part);
    else this.#reads.set(of, new Set([part]));
    if (this.#subscribed) this.#all.addReader(this, of, part);
  }

  /** Computes the value, where that is due. Returns whether listeners have to be called. */
  update(): boolean {
    if (!this.#subscribed) return false;
    try {
      if (this.outdated) this.#run();
    } catch {
      // Who reads it gets the error.
      this.#told = undefined;
      return true;
    }
    const changed = this.#told?.value !== this.#last!.value || !this.#told;
    this.#told = this.#last;
    return changed;
  }

  call(): void {
    for (const listener of this.#listeners) listener();
  }

  get #isCurrent(): boolean {
    return !this.outdated && (this.#subscribed || this.#ranAt === this.#all.writes);
  }

  #run(): void {
    this.#forgetReads();
    this.outdated = true;
    this.#ranAt = this.#all.writes;
    const now = this.#all.run(this.#selector, this);
    const before = this.#last;
    this.outdated = false;
    if (!before) this.#last = { value: now };
    else {
      const value = shared(before.value, now) as T;
      if (!Object.is(value, before.value) && !this.#isEqual?.(before.value, value)) this.#last = { value };
    }
  }

  #begin(): void {
    this.#all.refresh();
    const current = this.#isCurrent;
    this.#subscribed = true;
    this.#all.subscribe(this);
    if (current) {
      for (const [of, parts] of this.#reads) for (const part of parts) this.#all.addReader(this, of, part);
    } else {
      try {
        this.#run();
      } catch {
        // Who reads it gets the error.
      }
    }
    this.#told = this.outdated ? undefined : this.#last;
  }

  #end(): void {
    this.#forgetReads();
    this.#subscribed = false;
    this.outdated = true;
    this.#all.unsubscribe(this);
  }

  #forgetReads(): void {
    if (this.#subscribed) {
      for (const [of, parts] of this.#reads) for (const part of parts) this.#all.removeReader(this, of, part);
    }
    this.#reads = new Map();
  }
}
