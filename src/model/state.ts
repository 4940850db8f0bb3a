import { forbiddenKeys } from "../protocol/json.ts";
import type { ReduceContext } from "./define.ts";
import { type Container, Journal, spliceInPlace } from "./journal.ts";
import { Published } from "./published.ts";
import { type DerivedHost, StateIndex } from "./state-index.ts";
import type { StateFollower, StateWatcher } from "./watcher.ts";

/** The key under which a proxy returns its container; no other code can access it. */
const rawContainer = Symbol("container");
/** Units of an enumerated key: keys are sorted, and the runtime asks for the property of each. */
const unitsOfKey = 4;

/** Thrown when a reducer puts something into a state that is not JSON, or that would make it no tree. */
export class StateError extends TypeError {
  override name = "StateError";
}

/** Thrown when a reducer uses as a key what cannot be one. */
export class KeyError extends StateError {
  override name = "KeyError";
  declare readonly key: string;

  constructor(key: string) {
    super(`"${key}" cannot be a key of a state`);
    this.key = key;
  }
}

/** The parts of a state that are replaced to follow what is read and changed. */
export interface Seams {
  objects: ProxyHandler<Container>;
  arrays: ProxyHandler<Container>;
  host: DerivedHost;
  watch(make: (inner: StateWatcher | undefined) => StateWatcher | undefined): void;
}

/**
 * The state of one partition in memory, and the only way to change it.
 *
 * Reducers change it by plain assignments (`state.accounts[id].balance -= n`) through proxies that journal each
 * change, so that the cost of an undo is that of the change. Live events, replay and reads use the same proxies;
 * this makes their results equal.
 *
 * Invariants:
 * - Only JSON values are in the state; what is assigned is copied, so it shares nothing with its source. A
 *   container that was removed in the same step is inserted again without a copy (a move costs nothing).
 * - The state is a tree: every container has exactly one parent.
 * - Key order is not part of a state: inside a step, keys are always enumerated in sorted order.
 */
export class State<S extends object> {
  readonly #root: S;
  /** What it has published; undefined: it was not made for that. */
  declare readonly published: Published | undefined;
  #watcher: StateWatcher | undefined;
  readonly #journal = new Journal();
  /** The proxy of each container: always the same one in a step, so that identity holds. */
  proxies = new WeakMap<object, object>();
  readonly #derived = new WeakMap<object, Map<string, unknown>>();
  /** Containers that were removed from the tree in the current step, and can be inserted again without a copy. */
  readonly #detached = new Set<object>();
  /** Build the indexes that the present undo has deleted. */
  readonly #lost: (() => void)[] = [];
  /**
   * The work that models have done through this state, in units of about half a microsecond: values read and
   * written, keys enumerated, ranges that array methods move or search. It counts what a model asks for, never how
   * that is done: so it is the same on each machine, after each restart, and whether an index or a proxy was there
   * before or not. It never decreases. See docs/decisions/0008-work.md.
   */
  work = 0;
  readonly #host: DerivedHost = {
    count: (units) => this.#count(units),
    wrap: (value) => this.#wrapValue(value) as typeof value,
    unwrap: (value) => unwrap(value) as typeof value,
    journal: (undo) => {
      this.#assertWritable();
      if (this.#journaling) this.#journal.run(undo);
    },
  };
  /** Where work stops: beyond it each access throws, so that model code cannot continue by catching the error. */
  workMax = Infinity;
  /** What a reducer over this state may use besides it. */
  readonly context: ReduceContext = {
    index: (container, name, build) => this.index(container, name, build),
    derive: (container, name, build) => this.derive(container, name, build),
    move: (from, at, to, target) => this.move(from, at, to, target),
  };
  #mode: "closed" | "read" | "write" = "closed";
  #journaling = false;

  /**
   * Owns `root` from now on: the caller must not keep a reference into it. `publishes`: whether `publish` is
   * used; then each change is marked, which costs a little. `watcher`: follows all changes instead.
   */
  constructor(root: S, { publishes = false, watcher }: { publishes?: boolean; watcher?: StateWatcher } = {}) {
    this.#root = root;
    this.published = publishes ? new Published() : undefined;
    this.#watcher = watcher ?? this.published;
  }

  /** Runs `read` with a view that refuses changes. Returns its result, which must not contain parts of the view. */
  read<T>(read: (state: S) => T): T {
    return this.#step("read", false, read);
  }

  /**
   * Runs `change` and journals it. If it throws, all of it is undone, and the error is thrown again. Returns the
   * position for `undoTo`.
   */
  change(change: (state: S) => void): number {
    const before = this.#journal.position;
    try {
      this.#step("write", true, change);
    } catch (error) {
      this.undoTo(before);
      throw error;
    }
    return before;
  }

  /** Runs `change` without a journal, for final changes, as in replay. A throw leaves the state half changed. */
  replay(change: (state: S) => void): void {
    this.#step("write", false, change);
  }

  /** The position of the journal: `undoTo` can undo later changes. */
  get position(): number {
    return this.#journal.position;
  }

  /** Undoes every change since `position`. */
  undoTo(position: number): void {
    this.#journal.undoTo(position);
    this.#release(false);
    this.#lost.length = 0;
  }

  /**
   * Takes all changes out of the journal. Returns a function that undoes them once. It must be called before every
   * earlier change of the same data is undone, and after every later one. An index that was built in between is built
   * again.
   */
  takeUndo(): () => void {
    const undo = this.#journal.take();
    return () => {
      undo();
      this.#release(false);
      try {
        for (const build of this.#lost.splice(0)) build();
      } catch {
        // The next use of it builds it, or fails.
      }
    };
  }

  /** Makes all changes permanent. Positions restart at 0. */
  forget(): void {
    this.#journal.forget();
  }

  /** For a state that is published: it as plain data that never changes, see `Published`. */
  publish(): S {
    return this.published!.publish(this.#root as Container) as S;
  }

  /** For a state that is published: what `make` returns for the root follows each change, until the next call. */
  follow(make: (root: S) => StateFollower | undefined): void {
    this.published!.follower = make(this.#root);
  }

  /** Where a `Tracker` follows what is read and changed. */
  get seams(): Seams {
    return {
      objects: this.#objects,
      arrays: this.#arrays,
      host: this.#host,
      watch: (make) => (this.#watcher = make(this.#watcher)),
    };
  }

  /** The state as JSON text. */
  stringify(): string {
    return JSON.stringify(this.#root);
  }

  /** See `ReduceContext.index`. */
  index<C extends object, V>(
    container: C,
    name: string,
    build: (container: C) => Iterable<readonly [string, V]>,
  ): StateIndex<V> {
    return this.derive(container, name, (owner, host) => {
      // It includes changes that can still be undone: then it must be deleted with them, and built without them.
      if (this.position > 0) {
        this.#journal.run(() => {
          this.#derived.get(owner)!.delete(name);
          this.#lost.push(() => this.index(container, name, build));
        });
      }
      return new StateIndex<V>(build(owner), host);
    });
  }

  /** See `ReduceContext.derive`. */
  derive<C extends object, D>(container: C, name: string, build: (container: C, host: DerivedHost) => D): D {
    const owner = unwrap(container) as C;
    if (owner === container) throw new StateError("not a container of the state");
    this.#count(1);
    let known = this.#derived.get(owner);
    if (!known) this.#derived.set(owner, (known = new Map()));
    if (!known.has(name)) {
      const { work } = this;
      known.set(name, build(owner, this.#host));
      // Whether something is derived now or was derived before is an accident.
      this.work = work;
    }
    return known.get(name) as D;
  }

  /** See `ReduceContext.move`. */
  move<T>(from: T[], at: number, to: T[], target: number): void {
    this.#assertWritable();
    this.#replace(unwrap(to) as T[], target, 0, this.#replace(unwrap(from) as T[], at, 1, []));
  }

  #step<T>(mode: "read" | "write", journaling: boolean, body: (state: S) => T): T {
    if (this.#mode !== "closed") throw new StateError("a step is running");
    this.#mode = mode;
    this.#journaling = journaling;
    try {
      return body(this.#wrap(this.#root as Container) as S);
    } finally {
      this.#mode = "closed";
      this.#journaling = false;
      this.#release(journaling);
    }
  }

  /** Lets go of the containers that were removed and not inserted again. An undo of the step begins with them detached. */
  #release(journaling: boolean): void {
    // Clearing an empty set allocates.
    if (this.#detached.size === 0) return;
    const undo = this.#watcher?.released?.(this.#detached);
    if (undo && journaling) this.#journal.run(undo);
    this.#detached.clear();
  }

  #wrap(container: Container): object {
    let proxy = this.proxies.get(container);
    if (!proxy) {
      proxy = new Proxy(container, Array.isArray(container) ? this.#arrays : this.#objects);
      this.proxies.set(container, proxy);
    }
    return proxy;
  }

  /** The value as the model receives it. */
  #wrapValue(value: unknown): unknown {
    this.#count(unitsOfValue(value));
    return typeof value === "object" && value !== null ? this.#wrap(value as Container) : value;
  }

  #detach(value: unknown): void {
    if (typeof value === "object" && value !== null) this.#detached.add(value);
  }

  #count(units: number): void {
    if ((this.work += units) > this.workMax) throw new StateError("more work than an event may be");
  }

  /** Counts a change, and refuses it outside a step that changes. */
  #assertWritable(): void {
    this.#count(1);
    if (this.#mode !== "write") throw new StateError("only a running reducer changes a state");
  }

  /** Returns `value` as it is stored under `parent`: JSON only, without shared references. */
  #copyIn(value: unknown, parent: Container): unknown {
    this.#count(unitsOfValue(value));
    if (typeof value !== "object" || value === null) return primitive(value);
    const container = unwrap(value) as Container;
    if (container !== value) this.#watcher?.inspected?.(container);
    if (!this.#detached.has(container)) {
      const copy = this.#copy(container) as Container;
      this.#watcher?.added?.(copy);
      return copy;
    }
    if (this.#contains(container, parent)) throw new StateError("a container cannot be inside itself");
    this.#detached.delete(container);
    return container;
  }

  /** Whether `sought` is `container` or inside it. All of it is visited and counted, found or not: keys have no order. */
  #contains(container: Container, sought: Container): boolean {
    const containers = [container];
    let values = 0;
    let found = false;
    // The list grows during the iteration.
    for (const each of containers) {
      found ||= each === sought;
      const items = Array.isArray(each) ? each : Object.values(each);
      values += items.length;
      for (const value of items) {
        if (typeof value === "object" && value !== null) containers.push(value as Container);
      }
    }
    this.#count((containers.length >> 3) + (values >> 6));
    return found;
  }

  /** Returns a deep copy of plain JSON, also of proxies. */
  #copy(value: unknown): unknown {
    if (typeof value !== "object" || value === null) {
      if (typeof value === "string") this.#count(unitsOfRange(value.length));
      return primitive(value);
    }
    const source = unwrap(value) as Container;
    if (source !== value) this.#watcher?.inspected?.(source);
    if (Array.isArray(source)) {
      const target: unknown[] = [];
      this.#count(1 + (source.length >> 3));
      // This visits holes, too, and refuses them: `map` would keep them. `Array.from` is ten times slower.
      for (const item of source) target.push(this.#copy(item));
      // Without the room that engines keep in an array that has grown: up to 150 bytes in a short one.
      return target.slice();
    }
    const prototype: unknown = Object.getPrototypeOf(source);
    if (prototype !== Object.prototype && prototype !== null) {
      throw new StateError("a state holds plain objects and arrays only");
    }
    const target: Record<string, unknown> = {};
    const keys = Object.keys(source);
    this.#count(1 + keys.length);
    // Indexes come first.
    if (Number(keys[0]) >= 0) useTable(target);
    for (const key of keys) {
      if (forbiddenKeys.has(key)) throw new KeyError(key);
      if (source[key] !== undefined) target[key] = this.#copy(source[key]);
    }
    return target;
  }

  #setProperty(container: Record<string, unknown>, key: string, value: unknown): void {
    if (forbiddenKeys.has(key)) throw new KeyError(key);
    if (value === undefined) {
      this.#deleteProperty(container, key);
      return;
    }
    // Assigning its own value, as in `list.x = list.x`, changes nothing, and must not copy the container.
    if (isProxy(value) && unwrap(value) === own(container, key)) return;
    this.#changeProperty(container, key, this.#copyIn(value, container));
  }

  #deleteProperty(container: Record<string, unknown>, key: string): void {
    if (Object.hasOwn(container, key)) this.#changeProperty(container, key, undefined);
  }

  /** Every change of an object. One look-up of the old value only: in a large object that is the cost. */
  #changeProperty(container: Record<string, unknown>, key: string, value: unknown): void {
    const old = own(container, key);
    if (this.#journaling) {
      this.#journal.run(() => {
        this.#put(container, key, own(container, key), old);
        this.#detached.delete(old as object);
      });
    }
    this.#put(container, key, old, value);
  }

  #put(container: Record<string, unknown>, key: string, old: unknown, value: unknown): void {
    this.#watcher?.property(container, key, old, value);
    this.#detach(old);
    if (value === undefined) delete container[key];
    else container[key] = value;
  }

  /**
   * Removes and inserts items of an array; `deleted` may be more than there are. Returns the removed items as the
   * reducer sees them.
   */
  #splice(array: unknown[], at: number, deleted: number, items: readonly unknown[]): unknown[] {
    const incoming: unknown[] = [];
    try {
      for (const item of items) {
        if (item === undefined) throw new StateError("an array of a state cannot have holes");
        incoming.push(this.#copyIn(item, array));
      }
    } catch (error) {
      // None of them comes in.
      for (const value of incoming) this.#detach(value);
      throw error;
    }
    const removed = this.#replace(array, at, deleted, incoming);
    for (const value of removed) this.#detach(value);
    return removed.map((value) => this.#wrapValue(value));
  }

  /** Reorders the items. */
  #permute(array: unknown[], reordered: (items: unknown[]) => unknown[]): object {
    this.#replace(array, 0, array.length, reordered(array.map((value) => this.#wrapValue(value))).map(unwrap));
    return this.#wrap(array);
  }

  /** Every change of an array is one journaled splice here. */
  #replace(array: unknown[], at: number, deleted: number, incoming: readonly unknown[]): unknown[] {
    this.#count(unitsOfRange(array.length - at));
    const removed = spliceInPlace(array, at, deleted, incoming);
    this.#watcher?.splice(array, at, removed, incoming);
    if (this.#journaling) {
      this.#journal.run(() => {
        for (const value of spliceInPlace(array, at, incoming.length, removed)) this.#detach(value);
        for (const value of removed) this.#detached.delete(value as object);
        this.#watcher?.splice(array, at, incoming, removed);
      });
    }
    return removed;
  }

  readonly #objects: ProxyHandler<Container> = {
    get: (target, key) => {
      if (typeof key === "string") return this.#wrapValue(own(target as Record<string, unknown>, key));
      return key === rawContainer ? target : undefined;
    },
    has: (target, key) => {
      this.#count(1);
      return Object.hasOwn(target, key);
    },
    set: (target, key, value) => {
      this.#assertWritable();
      this.#setProperty(target as Record<string, unknown>, text(key), value);
      return true;
    },
    deleteProperty: (target, key) => {
      this.#assertWritable();
      this.#deleteProperty(target as Record<string, unknown>, text(key));
      return true;
    },
    ownKeys: (target) => {
      const keys = Object.keys(target);
      this.#count(keys.length * unitsOfKey);
      return keys.sort();
    },
    ...this.#common(),
  };

  readonly #arrays: ProxyHandler<Container> = {
    get: (target, key) =>
      key === rawContainer ? target : (this.#arrayMethods[key as string] ?? this.#wrapValue(Reflect.get(target, key))),
    set: (target, key, value) => {
      this.#assertWritable();
      const array = target as unknown[];
      const at = Number(key === "length" ? value : text(key));
      if (!Number.isInteger(at) || at < 0 || at > array.length)
        throw new StateError("an array of a state cannot have holes");
      if (key === "length") this.#splice(array, at, Infinity, []);
      else if (!isProxy(value) || unwrap(value) !== array[at]) this.#splice(array, at, 1, [value]);
      return true;
    },
    deleteProperty: () => {
      throw new StateError("an array of a state cannot have holes");
    },
    ...this.#common(),
  };

  /**
   * Array methods that change the array (one journaled splice each, not a trap per moved item), or compare by
   * identity. All arrays share one function per method, which finds its array by `this`: a new function for each
   * access would be garbage for each event.
   */
  readonly #arrayMethods: Record<string, (this: unknown, ...parameters: unknown[]) => unknown> = Object.assign(
    Object.create(null) as Record<string, never>,
    {
      push: this.#mutatingMethod((array, items) => (this.#splice(array, array.length, 0, items), array.length)),
      unshift: this.#mutatingMethod((array, items) => (this.#splice(array, 0, 0, items), array.length)),
      pop: this.#mutatingMethod((array) => this.#splice(array, Math.max(array.length - 1, 0), 1, [])[0]),
      shift: this.#mutatingMethod((array) => this.#splice(array, 0, 1, [])[0]),
      splice: this.#mutatingMethod((array, [start, count, ...items], given) =>
        this.#splice(
          array,
          given === 0 ? array.length : clampIndex(start, array.length),
          given < 2 ? Infinity : (count as number),
          items,
        ),
      ),
      sort: this.#mutatingMethod((array, [compare]) =>
        this.#permute(array, (items) => items.sort(compare as (a: unknown, b: unknown) => number)),
      ),
      reverse: this.#mutatingMethod((array) => this.#permute(array, (items) => items.toReversed())),
      fill: refusing("fill"),
      copyWithin: refusing("copyWithin"),
      indexOf: this.#searchMethod("indexOf"),
      lastIndexOf: this.#searchMethod("lastIndexOf"),
      includes: this.#searchMethod("includes"),
    },
  );

  #mutatingMethod(
    change: (array: unknown[], parameters: unknown[], given: number) => unknown,
  ): (this: unknown) => unknown {
    return this.#method((array, parameters) => {
      this.#assertWritable();
      return change(array, parameters, parameters.length);
    });
  }

  #searchMethod(method: "indexOf" | "lastIndexOf" | "includes"): (this: unknown) => unknown {
    return this.#method((array, [item, ...from]) => {
      this.#count(unitsOfRange(array.length));
      return array[method](unwrap(item), ...(from as []));
    });
  }

  #method(look: (array: unknown[], parameters: unknown[]) => unknown): (this: unknown) => unknown {
    const isOwn = (array: object, proxy: unknown) => this.proxies.get(array) === proxy;
    return function (...parameters: unknown[]) {
      const array = unwrap(this) as unknown[];
      if (!isOwn(array, this)) throw new StateError("not an array of a state");
      return look(array, parameters);
    };
  }

  #common(): ProxyHandler<Container> {
    return {
      getOwnPropertyDescriptor: (target, key) => {
        const descriptor = Reflect.getOwnPropertyDescriptor(target, key);
        if (descriptor) descriptor.value = this.#wrapValue(descriptor.value);
        return descriptor;
      },
      defineProperty: refuseDefinition,
      setPrototypeOf: refuseDefinition,
      preventExtensions: refuseDefinition,
    };
  }
}

function own(container: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(container, key) ? container[key] : undefined;
}

function text(key: string | symbol): string {
  if (typeof key === "symbol") throw new StateError("a symbol cannot be a key");
  return key;
}

function clampIndex(value: unknown, length: number): number {
  const index = Math.trunc(Number(value)) || 0;
  return index < 0 ? Math.max(length + index, 0) : Math.min(index, length);
}

function refuseDefinition(): never {
  throw new StateError("a state holds plain objects and arrays only");
}

function refusing(method: string): () => never {
  return () => {
    throw new StateError(`${method} cannot be used on an array of a state`);
  };
}

function primitive(value: unknown): unknown {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number" && Number.isFinite(value)) return value === 0 ? 0 : value;
  throw new StateError(`a state holds JSON only, not ${typeof value === "number" ? String(value) : typeof value}`);
}

/** Units of a range of items that the runtime moves or searches by itself, or of characters. */
function unitsOfRange(items: number): number {
  return items >> 10;
}

/** Units of a value that is read or written: a long string costs more, because most uses of it copy it. */
function unitsOfValue(value: unknown): number {
  return typeof value === "string" ? 1 + unitsOfRange(value.length) : 1;
}

/** Makes `container` keep its indexes in a hash table: for one index alone, as 1000, an engine may reserve 12 KB. */
export function useTable(container: Record<string, unknown>): void {
  container["4294967294"] = 0;
  delete container["4294967294"];
}

function unwrap(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return (value as { [rawContainer]?: Container })[rawContainer] ?? value;
}

function isProxy(value: unknown): boolean {
  return unwrap(value) !== value;
}
