import type { SqlValue } from "./driver.ts";

/**
 * JSON text in BLOB columns, as UTF-8. Platform fact: text columns change lone surrogates and NUL.
 */

// Both platforms have these. The core's program, which sees the types of the port, is compiled without a platform.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Throws on bytes that are not UTF-8. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
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
