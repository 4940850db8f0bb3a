import { draftBounds } from "./draft-bounds.ts";
import { type Parsed, parseJson } from "./scan.ts";
import { exceedsUtf8 } from "./utf8.ts";

/**
 * Reads the text of a message of a client: at most `frameBytesMax` bytes, and JSON as `parseJson` takes it. The server
 * decodes by it, and a client decides by it what it may send. Undefined: the text is too large.
 */
export function parseFrame(text: string): Parsed | undefined {
  return exceedsUtf8(text, draftBounds.frameBytesMax) ? undefined : parseJson(text);
}
