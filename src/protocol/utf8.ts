const beyondAscii = /[^\0-\x7f]/;

/** The number of UTF-8 bytes of a well-formed string. Most have only ASCII, which a regular expression finds in a fraction of the time. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  if (!beyondAscii.test(text)) return bytes;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char < 0x80) continue;
    // A surrogate pair is two units here and four bytes there.
    bytes += char < 0x800 || (char >= 0xd800 && char <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** Whether a well-formed string has more than `bytesMax` UTF-8 bytes. The cost is bounded by `bytesMax`, not by the string. */
export function exceedsUtf8(text: string, bytesMax: number): boolean {
  // A UTF-16 unit is one to three UTF-8 bytes, so only lengths in between need a count.
  if (text.length > bytesMax) return true;
  return text.length * 3 > bytesMax && utf8Length(text) > bytesMax;
}
