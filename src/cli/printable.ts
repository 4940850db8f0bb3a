/** What a terminal obeys instead of showing it, and what ends a line or turns its direction. */
const misleading = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** Text that is perhaps of somebody else, as an answer of a server, as one line that shows all of it. */
export const printable = (text: string): string => text.replaceAll(misleading, " ");

/** The same for a text of several lines. */
export const printableLines = (text: string): string => text.split("\n").map(printable).join("\n");
