/**
 * The lengths of the parts of a branch as one text, four digits of base 36 each: so a search among them reads one value of the
 * state, where it would read one for each part.
 */
const digits = 4;
const radix = 36;
const nine = 57;

/** A place among the parts of a branch: the part, where it begins, and its length. */
export interface Place {
  at: number;
  start: number;
  size: number;
}

/** The lengths as text. Each is below 36 ** 4, because the text of a document is. */
export function sizesOf(lengths: readonly number[]): string {
  return lengths.map((length) => length.toString(radix).padStart(digits, "0")).join("");
}

/** How many lengths there are. */
export function countOf(sizes: string): number {
  return sizes.length / digits;
}

/** The length of the part `at`. */
export function sizeAt(sizes: string, at: number): number {
  let size = 0;
  for (let from = at * digits, to = from + digits; from < to; from++) {
    const code = sizes.charCodeAt(from);
    size = size * radix + code - (code <= nine ? 48 : 87);
  }
  return size;
}

/** The lengths from the part `at` on; `count` of them. */
export function someSizes(sizes: string, at: number, count = countOf(sizes) - at): string {
  return sizes.slice(at * digits, (at + count) * digits);
}

/** The lengths with `others` in place of the `count` ones from `at` on. */
export function withSizes(sizes: string, at: number, count: number, others: string): string {
  return sizes.slice(0, at * digits) + others + sizes.slice((at + count) * digits);
}

/** The sums of each `step` lengths. */
export function sumsOf(sizes: string, step: number): number[] {
  const sums: number[] = [];
  for (let at = 0; at < countOf(sizes); at++) {
    if (at % step === 0) sums.push(0);
    sums[sums.length - 1]! += sizeAt(sizes, at);
  }
  return sums;
}

/** The part in which `offset` is, or at the end of which it is, from the part `at` on, which begins at `start`. */
export function placeOf(sizes: string, offset: number, at = 0, start = 0): Place {
  const last = countOf(sizes) - 1;
  let size = at <= last ? sizeAt(sizes, at) : 0;
  while (at < last && offset > start + size) {
    start += size;
    size = sizeAt(sizes, ++at);
  }
  return { at, start, size };
}
