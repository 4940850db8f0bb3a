import type { TextEdit } from "../../src/models/text/index.ts";

/** A key of a text: a letter is inserted, or one is deleted. */
export interface Key {
  readonly at: number;
  readonly deleted: number;
  readonly insert: string;
}

/**
 * Keys in a text of `length`, anywhere in it: each second one deletes what one has inserted elsewhere, so that its length
 * stays, however many there are.
 */
export function* keysIn(length: number, count: number): Generator<Key> {
  for (let key = 0; key < count; key++) {
    const isLetter = key % 2 === 0;
    const at = (key * 7_919) % (isLetter ? length : length + 1);
    yield isLetter ? { at, deleted: 0, insert: String.fromCharCode(97 + (key % 26)) } : { at, deleted: 1, insert: "" };
  }
}

/** The payload of a key in a text of `length`. */
export function editOfKey({ at, deleted, insert }: Key, length: number, doc = "d"): TextEdit {
  const part: [number, ...string[]] = insert === "" ? [deleted] : [deleted, insert];
  const after = length - at - deleted;
  return { doc, changes: [...(at > 0 ? [at] : []), part, ...(after > 0 ? [after] : [])] };
}

/** The text with a key. */
export function withKey(text: string, { at, deleted, insert }: Key): string {
  return text.slice(0, at) + insert + text.slice(at + deleted);
}
