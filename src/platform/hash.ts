import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";

/** SHA-256, as the core needs it. */
export const sha256 = (bytes: Uint8Array | string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest());

/** The hash and decompression functions of the storage. */
export const bytesPort = { sha256, gunzip: (bytes: Uint8Array): Uint8Array => new Uint8Array(gunzipSync(bytes)) };
