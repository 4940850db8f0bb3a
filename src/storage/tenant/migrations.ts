import tenant0001 from "../../../migrations/tenant/0001_tenant.sql";
import tenant0002 from "../../../migrations/tenant/0002_endpoints.sql";
import tenant0003 from "../../../migrations/tenant/0003_admin_actions.sql";
import { migrationsOf } from "../migration-files.ts";
import type { Migration } from "../migrations.ts";

/** The files of migrations/tenant/, in order. */
export const migrations: readonly Migration[] = migrationsOf([tenant0001, tenant0002, tenant0003]);
