const backslash = 92;

/**
 * The index of the quote that ends a string of JSON, of which `text` has what is from `from` on; the length of the text if
 * none does. The runtime finds it much faster than a loop over the units of the text.
 */
export function stringEnd(text: string, from: number): number {
  for (let end = text.indexOf('"', from); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = end;
    while (text.charCodeAt(escapes - 1) === backslash) escapes--;
    // Each second backslash stands for itself.
    if ((end - escapes) % 2 === 0) return end;
  }
  return text.length;
}
