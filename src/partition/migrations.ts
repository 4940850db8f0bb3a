import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import log0001 from "../../migrations/0001_log.sql";
import batches0002 from "../../migrations/0002_batches.sql";
import encoding0003 from "../../migrations/0003_snapshot_encoding.sql";
import limits0004 from "../../migrations/0004_limits.sql";
import type { Migration } from "../storage/migrations.ts";

/** SHA-256, as the core takes it. */
export const sha256 = (bytes: Uint8Array | string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest());

/** What the storage computes with. */
export const bytesPort = { sha256, gunzip: (bytes: Uint8Array): Uint8Array => new Uint8Array(gunzipSync(bytes)) };

/** The files of migrations/, in order. */
export const migrations: readonly Migration[] = [log0001, batches0002, encoding0003, limits0004].map((sql, at) => ({
  number: at + 1,
  sql,
  sha256: sha256(sql),
}));
