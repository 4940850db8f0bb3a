import { draftBounds } from "./draft-bounds.ts";
import { forbiddenKeys, type Json } from "./json.ts";

/**
 * Whether there is certainly nothing to refuse in a JSON text, as in almost every frame: at a fraction of a scan's cost
 * (measured: docs/decisions/0040-cost-of-an-event.md). `value`: what JSON.parse makes of it. `depth`: how many objects and
 * arrays it is inside of.
 *
 * A duplicate key is the difficult part: the parsed value does not show it. But a text that has one is longer than it has to
 * be. And without escapes each quote begins or ends a string, and each string is a key or a value of the parsed value, except
 * those that a duplicate key has replaced: so none is duplicate exactly if the parsed value has as many strings as the text.
 */
export function isPlain(text: string, value: Json, depth = 0): boolean {
  if (text.includes("\\") || !text.isWellFormed()) return false;
  if (shortestLengthOf(value, depth) === text.length) return true;
  // It has spaces between its parts, or a number of which the shortest form is not certain.
  const strings = stringsIn(value, depth);
  return strings >= 0 && strings * 2 === quotesIn(text);
}

/** The length of what no text is equal to: no text can be so long. */
const impossible = 2 ** 29;

/**
 * The length of the shortest text without escapes that is parsed to `value`; at least `impossible` if something in it is not
 * plain, or a number has a form that could be shorter than its digits.
 */
function shortestLengthOf(value: Json, depth: number): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value === "number") return shortestLengthOfNumber(value);
  if (typeof value !== "object" || value === null) return value === false ? 5 : 4;
  if (depth === draftBounds.jsonDepthMax) return impossible;
  // Each member with the comma behind it, and one bracket; or two brackets.
  let length = 1;
  if (Array.isArray(value)) {
    for (const item of value) length += shortestLengthOf(item, depth + 1) + 1;
  } else {
    for (const key in value) {
      if (forbiddenKeys.has(key)) return impossible;
      length += key.length + 3 + shortestLengthOf(value[key]!, depth + 1) + 1;
    }
  }
  return Math.max(length, 2);
}

function shortestLengthOfNumber(value: number): number {
  if (!isPlainNumber(value)) return impossible;
  // 0.001 and 1000 are longer than 1e-3 and 1e3.
  if (!Number.isInteger(value)) return Math.abs(value) < 0.01 ? impossible : String(value).length;
  if (value !== 0 && value % 1_000 === 0) return impossible;
  let length = value < 0 ? 2 : 1;
  for (let power = 10; power <= Math.abs(value); power *= 10) length++;
  return length;
}

/** How many strings are in `value`, keys included; negative if something in it is not plain. */
function stringsIn(value: Json, depth: number): number {
  if (typeof value === "string") return 1;
  if (typeof value === "number") return isPlainNumber(value) ? 0 : -1;
  if (typeof value !== "object" || value === null) return 0;
  if (depth === draftBounds.jsonDepthMax) return -1;
  let strings = 0;
  if (Array.isArray(value)) {
    for (const item of value) {
      const inside = stringsIn(item, depth + 1);
      if (inside < 0) return -1;
      strings += inside;
    }
    return strings;
  }
  for (const key in value) {
    if (forbiddenKeys.has(key)) return -1;
    const inside = stringsIn(value[key]!, depth + 1);
    if (inside < 0) return -1;
    strings += inside + 1;
  }
  return strings;
}

function isPlainNumber(value: number): boolean {
  if (Number.isInteger(value)) return Number.isSafeInteger(value) && !Object.is(value, -0);
  return Number.isFinite(value);
}

function quotesIn(text: string): number {
  let quotes = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) quotes++;
  return quotes;
}
