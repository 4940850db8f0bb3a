import { formatPath, type Json } from "./json.ts";
import { draftBounds } from "./draft-bounds.ts";
import { type Refused, refusedKey, refusedNumber, refusedString, tooDeep } from "./json-rules.ts";
import { isPlain } from "./plain-json.ts";

/** One error in an input: its field, the violated rule, and a message. */
export interface Violation {
  /** A path with indices, as `payload.items[2].id`; empty for the whole input. */
  field: string;
  code: string;
  message: string;
}

export type Parsed = { ok: true; value: Json } | { ok: false; value: Json | undefined; violations: Violation[] };

/**
 * Parses JSON text from outside and refuses what JSON allows but no code should have to handle:
 * duplicate keys, keys of `Object.prototype`, lone surrogates, numbers that a double cannot hold
 * exactly or at all, and deep nesting. All violations are listed, each with its path.
 *
 * On failure `value` is the parsed value, if it is JSON at all: use it only to find the id for the answer.
 */
export function parseJson(text: string): Parsed {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return {
      ok: false,
      value: undefined,
      violations: [{ field: "", code: "invalid_json", message: "This is not JSON." }],
    };
  }
  if (isPlain(text, value)) return { ok: true, value };
  const scan = new Scan(text);
  scan.run();
  if (scan.violations.length > 0) return { ok: false, value, violations: scan.violations };
  // JSON.parse keeps the sign of -0, and nothing after it would: -0 becomes 0.
  if (scan.negativeZero) value = JSON.parse(text, (_, item: Json) => (item === 0 ? 0 : item)) as Json;
  return { ok: true, value };
}

/** Up to this many keys of an object are compared one by one; a set for each object costs more. */
const linearSearchMax = 32;

const quote = 34;
const comma = 44;
const minus = 45;
const nine = 57;
const zero = 48;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;
const openBrace = 123;
const closeBrace = 125;

/** A pass over text that JSON.parse has accepted, so it needs no grammar. */
class Scan {
  readonly violations: Violation[] = [];
  negativeZero = false;
  readonly #text: string;
  /** One entry per open object (the key being read) or array (the index being read). */
  readonly #path: (string | number)[] = [];
  /** The keys seen in the open objects, outermost first, and where each container's begin. */
  readonly #keys: string[] = [];
  readonly #starts: number[] = [];
  /**
   * The keys of each open container as a set, if they are too many to compare one by one. A set lives as long as its
   * object is open: each key enters one set once, so the scan is linear whatever the nesting.
   */
  readonly #sets: (Set<string> | undefined)[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    const text = this.#text;
    let expectsKey = false;
    for (let at = 0; at < text.length; at++) {
      const char = text.charCodeAt(at);
      if (char === quote) {
        const end = this.#stringEnd(at);
        if (expectsKey) this.#key(at, end);
        else this.#string(at, end);
        expectsKey = false;
        at = end;
      } else if (char === openBrace || char === openBracket) {
        if (this.#starts.length === draftBounds.jsonDepthMax) {
          this.#violation(tooDeep);
          return;
        }
        expectsKey = char === openBrace;
        this.#starts.push(this.#keys.length);
        this.#sets.push(undefined);
        this.#path.push(expectsKey ? "" : 0);
      } else if (char === closeBrace || char === closeBracket) {
        this.#keys.length = this.#starts.pop()!;
        this.#sets.pop();
        this.#path.pop();
        expectsKey = false;
      } else if (char === comma) {
        const top = this.#path.length - 1;
        const segment = this.#path[top];
        expectsKey = typeof segment === "string";
        if (typeof segment === "number") this.#path[top] = segment + 1;
      } else if (char === minus || (char >= zero && char <= nine)) {
        at = this.#number(at);
      }
      if (this.violations.length >= draftBounds.violationsMax) return;
    }
  }

  #stringEnd(start: number): number {
    const text = this.#text;
    let at = start + 1;
    for (let char = text.charCodeAt(at); char !== quote; char = text.charCodeAt(++at)) {
      if (char === backslash) at++;
    }
    return at;
  }

  #decode(start: number, end: number): string {
    const raw = this.#text.slice(start + 1, end);
    return raw.includes("\\") ? (JSON.parse(this.#text.slice(start, end + 1)) as string) : raw;
  }

  #key(start: number, end: number): void {
    const top = this.#path.length - 1;
    const key = this.#decode(start, end);
    this.#path[top] = key;
    if (this.#isSeen(key, top)) this.#violation(["duplicate_key", "A key may occur once in an object."]);
    else this.#violation(refusedKey(key));
    this.#keys.push(key);
  }

  #isSeen(key: string, container: number): boolean {
    const keys = this.#keys;
    const start = this.#starts[container]!;
    if (keys.length - start <= linearSearchMax) return keys.indexOf(key, start) >= 0;
    const many = (this.#sets[container] ??= new Set(keys.slice(start)));
    if (many.has(key)) return true;
    many.add(key);
    return false;
  }

  #string(start: number, end: number): void {
    this.#violation(refusedString(this.#decode(start, end)));
  }

  #number(start: number): number {
    const text = this.#text;
    let end = start + 1;
    // Digits, sign, exponent and point all sort below the letters of other tokens, but for e and E.
    for (
      let char = text.charCodeAt(end);
      (char >= 43 && char <= nine && char !== comma) || char === 101 || char === 69;
    ) {
      char = text.charCodeAt(++end);
    }
    const value = Number(text.slice(start, end));
    if (!Number.isFinite(value)) this.#violation(["number_out_of_range", "A number must be finite as a 64-bit float."]);
    else this.#violation(refusedNumber(value));
    if (Object.is(value, -0)) this.negativeZero = true;
    return end - 1;
  }

  #violation(refused: Refused | undefined): void {
    if (!refused) return;
    const [code, message] = refused;
    this.violations.push({ field: formatPath(this.#path).toWellFormed(), code, message });
  }
}
