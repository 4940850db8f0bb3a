import type { SqlValue } from "./driver.ts";

/**
 * JSON text in BLOB columns, as UTF-8. Platform fact: text columns change lone surrogates and NUL.
 */

// Both platforms have these. The core's program, which sees the types of the port, is compiled without a platform.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes?: Uint8Array, options?: { stream: boolean }): string };

const encoder = new TextEncoder();
const strict = { fatal: true, ignoreBOM: true };
const decoder = new TextDecoder("utf-8", strict);

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Throws on bytes that are not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/**
 * Returns a decoder of bytes that come in parts, which may end inside a character; called without a part, it ends the
 * text. It throws on bytes that are not UTF-8.
 */
export function textDecoder(): (part?: Uint8Array) => string {
  const streaming = new TextDecoder("utf-8", strict);
  return (part) => (part ? streaming.decode(part, { stream: true }) : streaming.decode());
}

/** The text of a stored value; undefined if it is no JSON text in UTF-8. */
export function jsonTextOf(value: SqlValue | undefined): string | undefined {
  try {
    const text = textOf(value as Uint8Array);
    JSON.parse(text);
    return text;
  } catch {
    return undefined;
  }
}
