import { createHash } from "node:crypto";
import log0001 from "../../migrations/0001_log.sql";
import batches0002 from "../../migrations/0002_batches.sql";
import type { Migration } from "../storage/migrations.ts";

/** SHA-256, as the core takes it. */
export const sha256 = (bytes: Uint8Array | string): Uint8Array =>
  new Uint8Array(createHash("sha256").update(bytes).digest());

/** The files of migrations/, in order. */
export const migrations: readonly Migration[] = [log0001, batches0002].map((sql, at) => ({
  number: at + 1,
  sql,
  sha256: sha256(sql),
}));
