import { bounds, exceedsUtf8 } from "../../protocol/index.ts";

const [quote, backslash, comma] = [34, 92, 44];
const [openBracket, closeBracket, openBrace, closeBrace] = [91, 93, 123, 125];

/**
 * The texts of the messages in a frame that is an array; undefined: it is no such frame, or has too many of them, or something else. Only
 * the commas between them are found here: each text is decoded as a frame of its own, with all its checks.
 */
export function messagesOf(frame: string | ArrayBuffer): string[] | undefined {
  if (typeof frame !== "string" || frame[0] !== "[" || frame.at(-1) !== "]") return undefined;
  if (exceedsUtf8(frame, bounds.frameBytesMax)) return undefined;
  const texts: string[] = [];
  let from = 1;
  let depth = 0;
  for (let at = 1; at < frame.length - 1; at++) {
    const unit = frame.charCodeAt(at);
    if (unit === quote) at = stringEnd(frame, at);
    else if (unit === openBracket || unit === openBrace) depth++;
    else if (unit === closeBracket || unit === closeBrace) depth--;
    else if (unit === comma && depth === 0) {
      texts.push(frame.slice(from, at));
      from = at + 1;
    }
    if (depth < 0 || texts.length === bounds.frameMessagesMax) return undefined;
  }
  if (depth > 0) return undefined;
  texts.push(frame.slice(from, -1));
  return texts.every((text) => text.trimStart().startsWith("{")) ? texts : undefined;
}

/** The index of the quote that ends the string which begins at `start`; the length of the frame if none does. */
function stringEnd(frame: string, start: number): number {
  for (let end = frame.indexOf('"', start + 1); end >= 0; end = frame.indexOf('"', end + 1)) {
    let escapes = end;
    while (frame.charCodeAt(escapes - 1) === backslash) escapes--;
    // Each second backslash stands for itself.
    if ((end - escapes) % 2 === 0) return end;
  }
  return frame.length;
}
