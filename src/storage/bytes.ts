/** What the storage computes with; the platform gives it. */
export interface BytesPort {
  sha256(bytes: Uint8Array): Uint8Array;
  /** The same of bytes that come in parts. */
  hasher(): Hasher;
  /** Throws on bytes that are not gzip. */
  gunzip(bytes: Uint8Array): Uint8Array;
}

/** A hash of bytes that come in parts. */
interface Hasher {
  add(bytes: Uint8Array): void;
  /** Of all that was added; called once, at the end. */
  digest(): Uint8Array;
}

/** Whether two byte strings are equal. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
