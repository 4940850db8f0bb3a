import type { Container } from "./journal.ts";
import { KeyList } from "./key-list.ts";
import { useTable } from "./state.ts";
import type { StateWatcher } from "./watcher.ts";

/** The keys of an object with more are kept in a list. */
const listedKeysMin = 4_096;
/** An object has slots for its keys up to this number of them; with more it is a hash table. */
const slotsMax = 16;

/** An object that is a hash table: how many keys it has, and the list of them where they are many. */
interface Table {
  count: number;
  list: KeyList | undefined;
}

/**
 * What a state takes in memory, in bytes: kept up to date with each change, in time proportional to the change. It
 * follows from the state and the order in which its keys were added, never from what the engine has done.
 *
 * The figures are what the heap of Node 22 (64-bit) grew by for many such containers or strings; see
 * docs/decisions/0009-memory.md. Measured in bytes, beside the slot of 8 bytes that holds the value:
 * - `{}` 56. An object with up to 16 keys, if others have the same keys in the same order: 56 for 1 to 4 keys, 120 for
 *   8, 168 for 16: 56 + 8 a key. The first one of its kind needs a description of it: 200 for 1 key, 374 for 4, 790 for 8, 1,655
 *   for 16: 64 + 88 a key more.
 * - A key of a larger object 50 to 73, and the key itself. So is each key of an object that has numbers as keys.
 * - `[]` 32; one that was made at once 8 an item more. One that has grown has room for half as much again and 16 items.
 * - A string 16 and 1 byte a character, or 2 if one of them is above U+00FF, in steps of 8. One of a single character is shared.
 * - A number 16, but for small integers.
 *
 * So an array of `{}` as text of 16 MiB takes 357 MB.
 */
export class Weight implements StateWatcher {
  #total = 0;
  readonly #tables = new WeakMap<object, Table>();
  /** How many objects there are of each kind, by their keys. */
  readonly #kinds = new Map<string, number>();

  /** Of everything that was added and not removed, in bytes. */
  get total(): number {
    return this.#total;
  }

  /** The keys of an object, where they are many. */
  keysOf(container: object): readonly string[] | undefined {
    return this.#tables.get(container)?.list?.keys;
  }

  property(container: Record<string, unknown>, key: string, old: unknown, value: unknown): void {
    if (old === undefined) this.#addKey(container, key);
    else if (value === undefined) this.#removeKey(container, key);
    this.#total += ofValue(value) - ofValue(old);
  }

  splice(array: unknown[], _: number, removed: readonly unknown[], inserted: readonly unknown[]): void {
    const { length } = array;
    let change = ofArray(length) - ofArray(length + removed.length - inserted.length);
    for (const item of removed) change -= ofValue(item);
    for (const item of inserted) change += ofValue(item);
    this.#total += change;
  }

  // Loops without iterators: at a load this runs before it is compiled.
  added(container: Container): void {
    if (Array.isArray(container)) {
      this.#total += ofArray(container.length);
      for (let at = 0; at < container.length; at++) {
        const item = container[at];
        if (typeof item === "object" && item !== null) this.added(item as Container);
        else this.#total += ofValue(item);
      }
      return;
    }
    const keys = Object.keys(container);
    if (isTable(keys)) this.#addTable(container, keys);
    else this.#addKind(keys);
    for (let at = 0; at < keys.length; at++) {
      const value = container[keys[at]!];
      if (typeof value === "object" && value !== null) this.added(value as Container);
      else this.#total += ofValue(value);
    }
  }

  released(containers: Set<object>): () => void {
    const gone = [...containers] as Container[];
    for (const container of gone) this.#remove(container);
    return () => {
      for (const container of gone) {
        this.added(container);
        containers.add(container);
      }
    };
  }

  #remove(container: Container): void {
    if (Array.isArray(container)) {
      this.#total -= ofArray(container.length);
      for (const item of container) {
        if (typeof item === "object" && item !== null) this.#remove(item as Container);
        else this.#total -= ofValue(item);
      }
      return;
    }
    const keys = Object.keys(container);
    if (isTable(keys)) this.#removeTable(container, keys);
    else this.#removeKind(keys);
    for (const key of keys) {
      const value = container[key];
      if (typeof value === "object" && value !== null) this.#remove(value as Container);
      else this.#total -= ofValue(value);
    }
  }

  #addKey(container: Record<string, unknown>, key: string): void {
    const table = this.#tables.get(container);
    if (table) {
      table.count++;
      if (table.list) table.list.add(key);
      else if (table.count >= listedKeysMin) table.list = new KeyList([...Object.keys(container), key]);
      this.#total += ofTableKey(key);
      return;
    }
    const keys = Object.keys(container);
    this.#removeKind(keys);
    if (isIndex(key)) {
      keys.unshift(key);
      useTable(container);
    } else keys.push(key);
    if (isTable(keys)) this.#addTable(container, keys);
    else this.#addKind(keys);
  }

  #removeKey(container: Record<string, unknown>, key: string): void {
    const table = this.#tables.get(container);
    if (table && table.count > slotsMax + 1) {
      table.count--;
      table.list?.remove(key);
      this.#total -= ofTableKey(key);
      return;
    }
    const keys = Object.keys(container);
    if (!table) this.#removeKind(keys);
    else this.#removeTable(container, keys);
    keys.splice(keys.indexOf(key), 1);
    if (isTable(keys)) this.#addTable(container, keys);
    else this.#addKind(keys);
  }

  #addTable(container: object, keys: string[]): void {
    const list = keys.length >= listedKeysMin ? new KeyList(keys.slice()) : undefined;
    this.#tables.set(container, { count: keys.length, list });
    this.#total += ofTable(keys);
  }

  #removeTable(container: object, keys: readonly string[]): void {
    this.#tables.delete(container);
    this.#total -= ofTable(keys);
  }

  #addKind(keys: readonly string[]): void {
    this.#total += ofSlots(keys.length);
    if (keys.length === 0) return;
    const kind = kindOf(keys);
    const count = this.#kinds.get(kind) ?? 0;
    this.#kinds.set(kind, count + 1);
    if (count === 0) this.#total += ofKind(keys, kind);
  }

  #removeKind(keys: readonly string[]): void {
    this.#total -= ofSlots(keys.length);
    if (keys.length === 0) return;
    const kind = kindOf(keys);
    const count = this.#kinds.get(kind)! - 1;
    if (count === 0) this.#kinds.delete(kind);
    else this.#kinds.set(kind, count);
    if (count === 0) this.#total -= ofKind(keys, kind);
  }
}

/** What a description of a kind takes without its keys, and its place among the kinds, in bytes. */
const kindBytes = 176;

/** What a container takes with everything in it, in bytes, see `Weight`. */
export function weightOf(container: object): number {
  const weight = new Weight();
  weight.added(container as Container);
  return weight.total;
}

const ofSlots = (keys: number) => 56 + 8 * keys;
const ofKind = (keys: readonly string[], kind: string) =>
  kindBytes + 88 * keys.length + (keys.length === 1 ? 0 : ofText(kind));
const ofTableKey = (key: string) => 72 + ofText(key);
const ofArray = (length: number) => (length === 0 ? 32 : 96 + 12 * length);

function ofTable(keys: readonly string[]): number {
  let weight = 128;
  for (const key of keys) weight += ofTableKey(key);
  return weight;
}

/** What a value takes beside the slot that it is in; containers are weighed by themselves. */
function ofValue(value: unknown): number {
  if (typeof value === "string") return value.length <= 1 ? 0 : ofText(value);
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 2 ** 30 ? 0 : 16;
  return 0;
}

function ofText(text: string): number {
  const bytes = isLatin(text) ? text.length : 2 * text.length;
  return 16 + ((bytes + 7) & ~7);
}

/** A character that takes two bytes. */
const wide = /[^\0-\xff]/;

/** Whether each character takes one byte. V8 stores most such texts in one byte a character, and does not search them. */
export function isLatin(text: string): boolean {
  return !wide.test(text);
}

/** Whether an object with these keys, in the order of `Object.keys`, is a hash table. */
function isTable(keys: readonly string[]): boolean {
  return keys.length > slotsMax || (keys.length > 0 && isIndex(keys[0]!));
}

/** Whether objects keep this key with the numbers: those come first. */
function isIndex(key: string): boolean {
  const first = key.charCodeAt(0);
  return first >= 48 && first <= 57 && String(Number(key) >>> 0) === key;
}

/** How many kinds are kept by name, and the length of the longest such name: so it takes 64 KiB at most. */
const kindsNamedMax = 64;
const keptNameLengthMax = 512;

/** Names of kinds that were asked for: most objects are of a few kinds, and comparing keys costs a tenth of joining them. */
const named: ({ keys: readonly string[]; name: string } | undefined)[] = Array.from({ length: kindsNamedMax });

/** The keys of an object as one text, the same for each object of its kind. A hash would not do: keys can be chosen that have the same. */
function kindOf(keys: readonly string[]): string {
  if (keys.length === 1) return keys[0]!;
  const at = placeOf(keys);
  const known = named[at];
  if (known && isSame(known.keys, keys)) return known.name;
  const name = keys.some((key) => key.includes("\0")) ? JSON.stringify(keys) : keys.join("\0");
  if (name.length <= keptNameLengthMax) named[at] = { keys: keys.slice(), name };
  return name;
}

function placeOf(keys: readonly string[]): number {
  let sum = keys.length;
  for (let at = 0; at < keys.length; at++) sum = (31 * sum + keys[at]!.length + keys[at]!.charCodeAt(0)) | 0;
  return sum & (kindsNamedMax - 1);
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}
