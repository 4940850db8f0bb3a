/** The number of UTF-8 bytes of a well-formed string. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char < 0x80) continue;
    // A surrogate pair is two units here and four bytes there.
    bytes += char < 0x800 || (char >= 0xd800 && char <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}
