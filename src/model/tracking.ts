import type { Container } from "./journal.ts";
import type { State } from "./state.ts";

/**
 * A part of a container or of a derived structure: a key of an object, an index or `length` of an array, a part of a
 * structure by its name, or one of the symbols below.
 */
export type Part = string | symbol;

/** All of a container, but not what is in its containers. */
export const whole = Symbol("whole");
/** Which keys an object has. */
export const keys = Symbol("keys");

/** Every structure that does not name its parts. */
const structures = {};

/** Receives what model code reads. */
export interface Reader {
  /** `existence`: only whether it is there. */
  read(of: object, part: Part, existence: boolean): void;
}

/** Receives every change, undos included. */
export interface Follower {
  /** `key` of `container`, whose value is `old`, gets `value`; undefined is no value. */
  property(container: object, key: string, old: unknown, value: unknown): void;
  /** `removed` was replaced by `inserted` in `array`, at `at`. */
  splice(array: unknown[], at: number, removed: readonly unknown[], inserted: readonly unknown[]): void;
  /** A part of a derived structure is changed; its undo is not reported. */
  structure?(of: object, part: Part): void;
}

const trackers = new WeakMap<object, Tracker>();

/**
 * Follows what is read and changed in one state. It is put into the state when it is needed first: a state without
 * it, as servers have it, does not pay for it.
 */
export class Tracker {
  /** The container of a proxy; any other value is returned as it is. */
  readonly unwrap: <T>(value: T) => T;
  readonly #followers = new Set<Follower>();
  #reader: Reader | undefined;

  static of(state: State<object>): Tracker {
    let tracker = trackers.get(state);
    if (!tracker) trackers.set(state, (tracker = new Tracker(state)));
    return tracker;
  }

  private constructor(state: State<object>) {
    const { objects, arrays, host, watch } = state.seams;
    this.#trackObjects(objects);
    this.#trackArrays(arrays);
    watch((inner) => ({
      property: (container, key, old, value) => {
        inner?.property(container, key, old, value);
        for (const follower of this.#followers) follower.property(container, key, old, value);
      },
      splice: (array, at, removed, inserted) => {
        inner?.splice(array, at, removed, inserted);
        for (const follower of this.#followers) follower.splice(array, at, removed, inserted);
      },
      inspected: (container) => this.#readDeep(container),
    }));

    const { journal, unwrap } = host;
    this.unwrap = unwrap;
    host.reads = (of, part) => this.#reader?.read(of, part, false);
    let named = false;
    host.writes = (of, part) => {
      named = true;
      this.#changed(of, part);
    };
    host.journal = (undo) => {
      if (!named) this.#changed(structures, whole);
      named = false;
      journal(undo);
    };

    const { context } = state;
    const { derive, index, move } = context;
    context.derive = (container, name, build) => {
      const structure = derive(container, name, build);
      if ((structure as { inParts?: true }).inParts !== true) this.#reader?.read(structures, whole, false);
      return structure;
    };
    context.index = (container, name, build) => {
      const owner = unwrap(container);
      const part = Symbol.for(name);
      this.#reader?.read(owner, part, false);
      return index(container, name, (of) => {
        // It is deleted when the step is undone.
        if (state.position > 0) this.#changed(owner, part);
        return build(of);
      });
    };
    context.move = (from, at, to, target) => {
      for (const array of [from, to]) this.#reader?.read(unwrap(array), whole, false);
      move(from, at, to, target);
    };
  }

  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  /** Runs `body`, and tells `reader` what it reads. */
  tell<T>(reader: Reader, body: () => T): T {
    this.#reader = reader;
    try {
      return body();
    } finally {
      this.#reader = undefined;
    }
  }

  #changed(of: object, part: Part): void {
    for (const follower of this.#followers) follower.structure?.(of, part);
  }

  /** The runtime has read a container with everything in it. */
  #readDeep(container: Container): void {
    const reader = this.#reader;
    if (!reader) return;
    const containers = [container];
    // The list grows during the iteration.
    for (const each of containers) {
      reader.read(each, whole, false);
      for (const value of Array.isArray(each) ? each : Object.values(each)) {
        if (typeof value === "object" && value !== null) containers.push(value as Container);
      }
    }
  }

  #trackObjects(objects: ProxyHandler<Container>): void {
    const { get, has, set, deleteProperty, ownKeys, getOwnPropertyDescriptor } = objects;
    const read = (of: object, key: Part, existence: boolean) => {
      if (this.#reader && typeof key === "string") this.#reader.read(of, key, existence);
    };
    Object.assign(objects, {
      get: (target, key, receiver) => {
        read(target, key, false);
        return get!(target, key, receiver);
      },
      has: (target, key) => {
        read(target, key, true);
        return has!(target, key);
      },
      // Both compare with what is there.
      set: (target, key, value, receiver) => {
        read(target, key, false);
        return set!(target, key, value, receiver);
      },
      deleteProperty: (target, key) => {
        read(target, key, true);
        return deleteProperty!(target, key);
      },
      ownKeys: (target) => {
        this.#reader?.read(target, keys, true);
        return ownKeys!(target);
      },
      getOwnPropertyDescriptor: (target, key) => {
        read(target, key, true);
        return getOwnPropertyDescriptor!(target, key);
      },
    } satisfies ProxyHandler<Container>);
  }

  #trackArrays(arrays: ProxyHandler<Container>): void {
    const { get, set, getOwnPropertyDescriptor } = arrays;
    const read = (of: object, key: Part) => {
      if (!this.#reader || typeof key !== "string") return;
      // What a method reads is not seen.
      this.#reader.read(of, key === "length" || Number(key) >= 0 ? key : whole, false);
    };
    Object.assign(arrays, {
      get: (target, key, receiver) => {
        read(target, key);
        return get!(target, key, receiver);
      },
      has: (target, key) => {
        read(target, key);
        return Reflect.has(target, key);
      },
      set: (target, key, value, receiver) => {
        this.#reader?.read(target, whole, false);
        return set!(target, key, value, receiver);
      },
      ownKeys: (target) => {
        this.#reader?.read(target, whole, false);
        return Reflect.ownKeys(target);
      },
      getOwnPropertyDescriptor: (target, key) => {
        read(target, key);
        return getOwnPropertyDescriptor!(target, key);
      },
    } satisfies ProxyHandler<Container>);
  }
}
