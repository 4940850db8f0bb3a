import { costOfStateText } from "../cost.ts";
import type { Steps } from "../steps.ts";

const quote = 34;
const comma = 44;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** FNV-1a with two offsets: what differs by accident differs in 64 bits. It is not meant against who chooses the values. */
const prime = 0x0100_0193;
const offsets = [0x811c_9dc5, 0x050c_5d1f] as const;

interface Open {
  readonly isArray: boolean;
  /** Of the path of the value that comes next. */
  one: number;
  other: number;
  /** The path of the container. */
  readonly ofOne: number;
  readonly ofOther: number;
  index: number;
  isEmpty: boolean;
}

/**
 * A digest of a state that is given as JSON text in pieces, the same for equal states in whatever order their keys are:
 * an undone change can leave a key at another place. Each value counts with its path, and the sum is the digest.
 */
export function* digestSteps(pieces: Iterable<string>): Steps<string> {
  const digest = new Digest();
  for (const piece of pieces) {
    digest.add(piece);
    yield costOfStateText(piece.length);
  }
  return digest.text;
}

class Digest {
  readonly #open: Open[] = [];
  #one = 0;
  #other = 0;
  /** The token that is being read: its hash, from that of its path on. */
  #token: { one: number; other: number; isKey: boolean; inString: boolean } | undefined;
  #escaped = false;
  #expectsKey = false;

  get text(): string {
    return hex(this.#one) + hex(this.#other);
  }

  add(text: string): void {
    for (let at = 0; at < text.length; at++) this.#read(text.charCodeAt(at));
  }

  #read(char: number): void {
    const token = this.#token;
    if (token?.inString) {
      if (this.#escaped) this.#escaped = false;
      else if (char === backslash) this.#escaped = true;
      else if (char === quote) {
        this.#end();
        return;
      }
      this.#hash(char);
      return;
    }
    switch (char) {
      case quote:
        this.#begin(true);
        return;
      case openBrace:
      case openBracket:
        this.#enter(char === openBracket);
        return;
      case closeBrace:
      case closeBracket:
        this.#end();
        this.#leave();
        return;
      case comma:
        this.#end();
        this.#next();
        return;
      case colon:
        this.#expectsKey = false;
        return;
      default:
        if (!token) this.#begin(false);
        this.#hash(char);
    }
  }

  #path(): readonly [number, number] {
    const top = this.#open.at(-1);
    return top ? [top.one, top.other] : offsets;
  }

  #begin(inString: boolean): void {
    const isKey = inString && this.#expectsKey;
    const top = this.#open.at(-1);
    if (top) top.isEmpty = false;
    const [one, other] = isKey ? [top!.ofOne, top!.ofOther] : this.#path();
    this.#token = { one, other, isKey, inString };
    // So that "1" and 1 differ.
    this.#hash(inString ? quote : 0);
  }

  #hash(char: number): void {
    const token = this.#token!;
    token.one = Math.imul(token.one ^ char, prime);
    token.other = Math.imul(token.other ^ char, prime);
  }

  #end(): void {
    const token = this.#token;
    if (!token) return;
    this.#token = undefined;
    if (token.isKey) Object.assign(this.#open.at(-1)!, { one: token.one, other: token.other });
    else this.#count(token.one, token.other);
  }

  #count(one: number, other: number): void {
    this.#one = (this.#one + mixed(one)) | 0;
    this.#other = (this.#other + mixed(other)) | 0;
  }

  #enter(isArray: boolean): void {
    const top = this.#open.at(-1);
    if (top) top.isEmpty = false;
    const [ofOne, ofOther] = this.#path().map((value) =>
      Math.imul(value ^ (isArray ? openBracket : openBrace), prime),
    ) as [number, number];
    const opened: Open = { isArray, one: ofOne, other: ofOther, ofOne, ofOther, index: 0, isEmpty: true };
    this.#open.push(opened);
    this.#expectsKey = !isArray;
    if (isArray) this.#place(opened);
  }

  #leave(): void {
    const { isEmpty, ofOne, ofOther } = this.#open.pop()!;
    if (isEmpty) this.#count(ofOne, ofOther);
    this.#expectsKey = false;
  }

  #next(): void {
    const top = this.#open.at(-1)!;
    this.#expectsKey = !top.isArray;
    if (!top.isArray) return;
    top.index++;
    this.#place(top);
  }

  /** The path of the item at `index`. */
  #place(array: Open): void {
    array.one = Math.imul(array.ofOne ^ (array.index + 1), prime);
    array.other = Math.imul(array.ofOther ^ Math.imul(array.index + 1, 0x9e37_79b1), prime);
  }
}

const hex = (value: number): string => (value >>> 0).toString(16).padStart(8, "0");

/** Spreads the bits: sums of plain hashes of similar values would be alike. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85eb_ca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2_ae35);
  return hash ^ (hash >>> 16);
}
