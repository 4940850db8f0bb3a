import type { Container } from "./journal.ts";
import type { StateWatcher } from "./watcher.ts";

/** A piece of text is complete when it has this many UTF-16 units. */
const pieceUnitsMin = 64 * 1024;
/** A longer string is written in parts. */
const stringUnitsMax = 16 * 1024;
/** A container with at most this many values in it is written by one call. */
const smallValuesMax = 64;

/** How a saved key or copy counts beside its value, in bytes. */
const savedKeyBytes = 128;
const slotBytes = 8;

/** Thrown by a view that could not be kept: the state has changed too much since it was opened. */
export class ViewLost extends Error {
  override name = "ViewLost";
}

/** The keys of an object that have changed, with the values that they had: undefined if none. Or a copy of an array. */
type Saved = Map<string, unknown> | readonly unknown[];

/** Returns the keys of a large object, of which some may be gone, see `KeyList`; undefined: it is not large. */
type KeysOf = (object: object) => readonly string[] | undefined;

/** What one view keeps of what has changed, and what all of them keep, in bytes: with more the largest is lost. */
export interface ViewBounds {
  readonly viewSavedBytesMax: number;
  readonly viewsSavedBytesMax: number;
}

/** The open views of a state. What they still need is saved before it is changed: of an object the value, of an array a copy. */
export class StateViews implements Pick<StateWatcher, "property" | "splice"> {
  readonly #root: object;
  readonly #keysOf: KeysOf;
  readonly #bounds: ViewBounds;
  readonly #open = new Set<StateView>();

  constructor(root: object, keysOf: KeysOf, bounds: ViewBounds) {
    this.#root = root;
    this.#keysOf = keysOf;
    this.#bounds = bounds;
  }

  /** Opens a view of the state as it is now. `closed`: called when it was read to its end, or closed. */
  open(closed: () => void): StateView {
    const view = new StateView(this.#root, this.#keysOf, () => {
      if (this.#open.delete(view)) closed();
    });
    this.#open.add(view);
    return view;
  }

  property(container: Record<string, unknown>, key: string, old: unknown): void {
    if (this.#open.size === 0) return;
    for (const view of this.#open) view.saveKey(container, key, old);
    this.#limit();
  }

  splice(array: unknown[], at: number, removed: readonly unknown[], inserted: readonly unknown[]): void {
    if (this.#open.size === 0) return;
    let before: unknown[] | undefined;
    for (const view of this.#open) {
      if (view.hasSaved(array)) continue;
      before ??= array.slice(0, at).concat(removed, array.slice(at + inserted.length));
      view.saveArray(array, before);
    }
    this.#limit();
  }

  /** Containers of this weight were released by the state: views may keep them in memory. */
  released(weight: number): void {
    if (this.#open.size === 0 || weight <= 0) return;
    for (const view of this.#open) view.keep(weight);
    this.#limit();
  }

  /** Views that were opened at different times save different values of the same keys: so all together are bounded, too. */
  #limit(): void {
    const bounds = this.#bounds;
    let sum = 0;
    for (const view of this.#open) {
      if (view.savedBytes > bounds.viewSavedBytesMax) view.lose();
      else sum += view.savedBytes;
    }
    while (sum > bounds.viewsSavedBytesMax) {
      const largest = [...this.#open].reduce((most, view) => (view.savedBytes > most.savedBytes ? view : most));
      sum -= largest.savedBytes;
      largest.lose();
    }
  }
}

/**
 * The text of a state as it was at one moment, made piece by piece while the state goes on changing.
 *
 * Whether a changed container was written already is not known, because that would cost memory for each container:
 * what is changed is saved once in any case.
 */
export class StateView implements Iterable<string> {
  readonly #keysOf: KeysOf;
  readonly #closed: () => void;
  readonly #saved = new Map<object, Saved>();
  /** The containers and the string that are being written, outermost first. */
  #stack: Frame[];
  #savedBytes = 0;
  #lost = false;
  #text = "";

  constructor(root: object, keysOf: KeysOf, closed: () => void) {
    this.#keysOf = keysOf;
    this.#closed = closed;
    this.#stack = [];
    this.#begin(root as Container);
  }

  /** What is kept in memory for this view, in bytes. */
  get savedBytes(): number {
    return this.#savedBytes;
  }

  /**
   * The next piece, of about 64 Ki UTF-16 units; undefined at the end. A pair of surrogates is never parted.
   *
   * @throws ViewLost if what has changed since is more than is saved for a view.
   */
  next(): string | undefined {
    if (this.#lost) throw new ViewLost("the state has changed too much while it was read");
    while (this.#stack.length > 0 && this.#text.length < pieceUnitsMin) this.#step(this.#stack.at(-1)!);
    const text = this.#text;
    this.#text = "";
    if (this.#stack.length === 0) this.close();
    return text === "" ? undefined : text;
  }

  *[Symbol.iterator](): Iterator<string> {
    try {
      for (let piece = this.next(); piece !== undefined; piece = this.next()) yield piece;
    } finally {
      this.close();
    }
  }

  /** Whether everything was given. */
  get done(): boolean {
    return this.#stack.length === 0 && !this.#lost;
  }

  /** Lets go of what is kept for it. */
  close(): void {
    this.#stack = [];
    this.#saved.clear();
    this.#savedBytes = 0;
    this.#closed();
  }

  lose(): void {
    this.#lost = true;
    this.close();
  }

  hasSaved(array: readonly unknown[]): boolean {
    return this.#saved.has(array);
  }

  saveArray(array: readonly unknown[], copy: readonly unknown[]): void {
    this.#saved.set(array, copy);
    this.#savedBytes += savedKeyBytes + slotBytes * copy.length;
  }

  saveKey(container: object, key: string, old: unknown): void {
    let saved = this.#saved.get(container) as Map<string, unknown> | undefined;
    if (!saved) this.#saved.set(container, (saved = new Map()));
    if (saved.has(key)) return;
    saved.set(key, old);
    this.#savedBytes += savedKeyBytes + (typeof old === "string" ? 2 * old.length : 0);
  }

  keep(bytes: number): void {
    this.#savedBytes += bytes;
  }

  #begin(container: Container): void {
    if (Array.isArray(container)) {
      this.#text += "[";
      this.#stack.push({ kind: "array", array: container, at: 0 });
      return;
    }
    this.#text += "{";
    const saved = this.#saved.get(container) as Map<string, unknown> | undefined;
    const keys = this.#keysOf(container) ?? Object.keys(container);
    const changed = saved && new Set(saved.keys());
    this.#stack.push({ kind: "object", object: container, keys, end: keys.length, changed, at: 0, empty: true });
  }

  #step(frame: Frame): void {
    if (frame.kind === "string") {
      const { rest } = frame;
      const end = cutAt(rest, frame.at, stringUnitsMax);
      this.#text += JSON.stringify(rest.slice(frame.at, end)).slice(1, -1);
      frame.at = end;
      if (end < rest.length) return;
      this.#text += '"';
      this.#stack.pop();
    } else if (frame.kind === "array") this.#stepArray(frame);
    else this.#stepObject(frame);
  }

  #stepArray(frame: ArrayFrame): void {
    const items = (this.#saved.get(frame.array) as readonly unknown[] | undefined) ?? frame.array;
    const { length: depth } = this.#stack;
    while (frame.at < items.length) {
      if (frame.at > 0) this.#text += ",";
      this.#value(items[frame.at++]);
      if (this.#stack.length > depth || this.#text.length >= pieceUnitsMin) return;
    }
    this.#text += "]";
    this.#stack.pop();
  }

  #stepObject(frame: ObjectFrame): void {
    const { object } = frame;
    const saved = this.#saved.get(object) as Map<string, unknown> | undefined;
    const { length: depth } = this.#stack;
    for (;;) {
      const { keys, end, changed } = frame;
      while (frame.at < end) {
        const key = keys[frame.at++]!;
        if (changed?.has(key)) continue;
        const value = saved?.has(key) ? saved.get(key) : object[key];
        if (value === undefined) continue;
        this.#text += frame.empty ? `${JSON.stringify(key)}:` : `,${JSON.stringify(key)}:`;
        frame.empty = false;
        this.#value(value);
        if (this.#stack.length > depth || this.#text.length >= pieceUnitsMin) return;
      }
      if (!changed) break;
      // Those that had changed before: some are not in the list any more.
      frame.keys = [...changed];
      frame.end = frame.keys.length;
      frame.at = 0;
      frame.changed = undefined;
    }
    this.#text += "}";
    this.#stack.pop();
  }

  #value(value: unknown): void {
    if (typeof value === "string" && value.length > stringUnitsMax) {
      this.#text += '"';
      this.#stack.push({ kind: "string", rest: value, at: 0 });
    } else if (typeof value !== "object" || value === null || this.#isSmall(value, smallValuesMax) >= 0) {
      this.#text += JSON.stringify(value);
    } else this.#begin(value as Container);
  }

  /** Whether a container can be written at once: how much of `budget` is left after it, negative if not. */
  #isSmall(container: object, budget: number): number {
    // Native JSON writes what it has now.
    if (this.#saved.size > 0 && this.#saved.has(container)) return -1;
    let left = budget;
    if (Array.isArray(container)) {
      left -= container.length;
      if (left < 0) return left;
      for (const item of container) if ((left = this.#spend(item, left)) < 0) return left;
      return left;
    }
    if (this.#keysOf(container)) return -1;
    for (const key in container) {
      if (--left < 0 || key.length > stringUnitsMax) return -1;
      if ((left = this.#spend((container as Record<string, unknown>)[key], left)) < 0) return left;
    }
    return left;
  }

  #spend(value: unknown, left: number): number {
    if (typeof value === "string") return value.length > 256 ? -1 : left;
    return typeof value === "object" && value !== null ? this.#isSmall(value, left) : left;
  }
}

interface ArrayFrame {
  kind: "array";
  array: readonly unknown[];
  at: number;
}

interface ObjectFrame {
  kind: "object";
  object: Record<string, unknown>;
  /** Those that it has had since the view was opened, up to `end`. */
  keys: readonly string[];
  end: number;
  /** Those that had changed already when it was begun: they come last. */
  changed: ReadonlySet<string> | undefined;
  at: number;
  empty: boolean;
}

type Frame = ArrayFrame | ObjectFrame | { kind: "string"; rest: string; at: number };

/** Where to end a part of `text` from `from`, of at most `units`: never inside a pair of surrogates. */
export function cutAt(text: string, from: number, units: number): number {
  const to = Math.min(from + units, text.length);
  return to < text.length && text.codePointAt(to - 1)! > 0xffff ? to - 1 : to;
}
