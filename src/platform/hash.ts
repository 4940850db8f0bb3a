import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { BytesPort } from "../storage/bytes.ts";

/** SHA-256, as the core needs it. */
export const sha256 = (bytes: Uint8Array | string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest());

/** The hash and decompression functions of the storage. */
export const bytesPort: BytesPort = {
  sha256,
  hasher() {
    const hash = createHash("sha256");
    return { add: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  },
  gunzip: (bytes) => new Uint8Array(gunzipSync(bytes)),
};
