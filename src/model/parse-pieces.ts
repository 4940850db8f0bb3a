import { stringEnd } from "../protocol/string-end.ts";
import type { Container } from "./journal.ts";
import { useTable } from "./state.ts";

const quote = 34;
const comma = 44;
const openArray = 91;
const closeArray = 93;
const openObject = 123;
const closeObject = 125;

/**
 * The object or array whose JSON text comes in pieces, as `JSON.parse` of the whole text makes it. At no time more than
 * two pieces of the text are in memory beside what is made of it, or the longest string.
 *
 * @throws SyntaxError where the text is not that of an object or array.
 */
export function parsePieces(pieces: Iterable<string>): object {
  const parser = new Parser();
  for (const piece of pieces) parser.push(piece);
  return parser.end();
}

const nothingFirst = /^\s*(?:[\]},]|$)/;

/** The way from an open container to the one that is open in it: its key, or null for the last item of an array. */
type Link = string | null;

/**
 * Cuts the text after the last comma that is not in a string: of what is before, only the containers that are open there
 * and the links between them have to be known. The text between two cuts is completed by their brackets, parsed
 * natively (an own parser takes five times as long), and added to the containers that were open at the cut before.
 */
class Parser {
  #root: Container | undefined;
  /** The text after the last cut, and how far it was scanned. */
  #text = "";
  #at = 0;
  #inString = false;
  /** Where the last string is in it. */
  #stringFrom = -1;
  #stringTo = -1;
  /** Of each open container whether it is an array, and where in the text its link is; -1: it is that of the last cut. */
  readonly #arrays: boolean[] = [];
  readonly #linksFrom: number[] = [];
  readonly #linksTo: number[] = [];
  #depth = 0;
  /** The same at the last comma; deeper containers that were closed since stay in the lists. */
  #depthAtComma = 0;
  /** At the last cut: what opens the containers again, and the links between them. */
  #brackets = "";
  #links: Link[] = [];

  push(piece: string): void {
    this.#text += piece;
    const cut = this.#scan();
    if (cut < 0) return;
    const depth = this.#depthAtComma;
    if (depth === 0) throw new SyntaxError("more than one object or array");
    this.#add(this.#text.slice(0, cut), depth);
    this.#links = Array.from({ length: Math.max(depth - 1, 0) }, (_, level) => this.#linkOf(level));
    this.#linksFrom.fill(-1);
    this.#brackets = this.#arrays
      .slice(0, depth)
      .map((isArray, level) => (isArray ? "[" : level < depth - 1 ? `{${JSON.stringify(this.#links[level])}:` : "{"))
      .join("");
    this.#text = this.#text.slice(cut + 1);
    // What is after the cut is scanned again: it is no longer than a piece.
    this.#depth = depth;
    this.#at = 0;
    this.#inString = false;
  }

  end(): object {
    this.#add(this.#text, 0);
    return this.#root!;
  }

  #linkOf(level: number): Link {
    if (this.#arrays[level]) return null;
    const from = this.#linksFrom[level]!;
    return from < 0 ? this.#links[level]! : (JSON.parse(this.#text.slice(from, this.#linksTo[level])) as string);
  }

  /** Adds the text between two cuts. `depth`: how many containers are open at its end. */
  #add(text: string, depth: number): void {
    if (this.#root && nothingFirst.test(text)) throw new SyntaxError("nothing is after a comma");
    const closing = this.#arrays.slice(0, depth).map((isArray) => (isArray ? "]" : "}"));
    const part = JSON.parse(`${this.#brackets}${text}${closing.toReversed().join("")}`) as Container;
    if (typeof part !== "object" || part === null) throw new SyntaxError("not the text of an object or array");
    if (this.#root) addAll(this.#root, part, this.#links);
    else this.#root = part;
  }

  /** Scans what has come. Returns where the last comma outside strings is; negative: there is none. */
  #scan(): number {
    const text = this.#text;
    const { length } = text;
    let cut = -1;
    let at = this.#at;
    let depth = this.#depth;
    let inString = this.#inString;
    let from = this.#stringFrom;
    let to = this.#stringTo;
    for (; at < length; at++) {
      if (inString) {
        at = stringEnd(text, at);
        if (at === length) break;
        inString = false;
        to = at + 1;
        continue;
      }
      const unit = text.charCodeAt(at);
      if (unit === quote) {
        inString = true;
        from = at;
      } else if (unit === comma) {
        cut = at;
        this.#depthAtComma = depth;
      } else if (unit === openObject || unit === openArray) {
        if (depth > 0) {
          this.#linksFrom[depth - 1] = from;
          this.#linksTo[depth - 1] = to;
        }
        this.#arrays[depth++] = unit === openArray;
      } else if (unit === closeObject || unit === closeArray) depth--;
    }
    this.#depth = depth;
    this.#inString = inString;
    this.#stringFrom = from;
    this.#stringTo = to;
    this.#at = at;
    return cut;
  }
}

/** Adds what is in `part` to `root`: to the containers that the links lead to, which are in both. */
function addAll(root: Container, part: Container, links: readonly Link[]): void {
  let into = root;
  let from = part;
  for (const link of links) {
    const inner = (link === null ? (into as unknown[]).at(-1) : (into as Record<string, unknown>)[link]) as Container;
    const innerFrom = (link === null ? (from as unknown[])[0] : (from as Record<string, unknown>)[link]) as Container;
    add(into, from, link);
    into = inner;
    from = innerFrom;
  }
  add(into, from, undefined);
}

/** Adds the members of `from` to `into`, but for the one that the link leads to. */
function add(into: Container, from: Container, link: Link | undefined): void {
  if (Array.isArray(into)) {
    const items = from as unknown[];
    for (let at = link === null ? 1 : 0; at < items.length; at++) into.push(items[at]);
    return;
  }
  const members = from as Record<string, unknown>;
  const keys = Object.keys(members);
  // Indexes come first.
  if (Number(keys[0]) >= 0) useTable(into);
  for (const key of keys) {
    if (key === link) continue;
    const value = members[key];
    // Assigned, it would be the prototype.
    if (key !== "__proto__") into[key] = value;
    else Object.defineProperty(into, key, { value, configurable: true, enumerable: true, writable: true });
  }
}
