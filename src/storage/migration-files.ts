import { sha256 } from "../platform/hash.ts";
import type { Migration } from "./migrations.ts";

/** The last line of a file in the package, where it is without its comments: the hash of the file as it is in migrations/. */
const statedHash = /\n-- sha256 ([0-9a-f]{64})$/;

/** The migrations that are in files, in their order. `texts`: those of migrations/, or of the package (src/tools/package/sql.ts). */
export function migrationsOf(texts: readonly string[]): Migration[] {
  return texts.map((text, at) => {
    const stated = statedHash.exec(text);
    const hash = stated ? bytesOf(stated[1]!) : sha256(text);
    return { number: at + 1, sql: text.slice(0, stated?.index), sha256: hash };
  });
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g)!, (byte) => Number.parseInt(byte, 16));
}
