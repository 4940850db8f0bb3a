import tenant0001 from "../../../migrations/tenant/0001_tenant.sql";
import tenant0002 from "../../../migrations/tenant/0002_endpoints.sql";
import tenant0003 from "../../../migrations/tenant/0003_admin_actions.sql";
import { sha256 } from "../../platform/hash.ts";
import type { Migration } from "../migrations.ts";

/** The files of migrations/tenant/, in order. */
export const migrations: readonly Migration[] = [tenant0001, tenant0002, tenant0003].map((sql, at) => ({
  number: at + 1,
  sql,
  sha256: sha256(sql),
}));
