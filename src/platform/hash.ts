import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";

/** SHA-256, as the core takes it. */
export const sha256 = (bytes: Uint8Array | string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest());

/** What the storage computes with. */
export const bytesPort = { sha256, gunzip: (bytes: Uint8Array): Uint8Array => new Uint8Array(gunzipSync(bytes)) };
