import { createHash, createHmac } from "node:crypto";
import { gunzipSync } from "node:zlib";

/** SHA-256, as the core needs it. */
export const sha256 = (bytes: Uint8Array | string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest());

/** HMAC-SHA-256, as the core needs it. */
export const hmac = (key: string, text: string): Uint8Array =>
  new Uint8Array(createHmac("sha256", key).update(text).digest());

/** The hash and decompression functions of the storage. */
export const bytesPort = {
  sha256,
  hasher() {
    const hash = createHash("sha256");
    return {
      add: (bytes: Uint8Array) => void hash.update(bytes),
      digest: () => new Uint8Array(hash.digest()),
    };
  },
  gunzip: (bytes: Uint8Array): Uint8Array => new Uint8Array(gunzipSync(bytes)),
};
