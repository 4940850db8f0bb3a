import tenant0001 from "../../migrations/tenant/0001_tenant.sql";
import { sha256 } from "../partition/migrations.ts";
import type { Migration } from "../storage/migrations.ts";

/** The files of migrations/tenant/, in order. */
export const migrations: readonly Migration[] = [tenant0001].map((sql, at) => ({
  number: at + 1,
  sql,
  sha256: sha256(sql),
}));
