import { bounds, exceedsUtf8 } from "../../protocol/index.ts";
import { stringEnd } from "../../protocol/string-end.ts";

const [quote, comma] = [34, 44];
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
    if (unit === quote) at = stringEnd(frame, at + 1);
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
