import directory0001 from "../../../migrations/directory/0001_directory.sql";
import directory0002 from "../../../migrations/directory/0002_places.sql";
import directory0003 from "../../../migrations/directory/0003_verified.sql";
import directory0004 from "../../../migrations/directory/0004_costs.sql";
import { migrationsOf } from "../migration-files.ts";
import type { Migration } from "../migrations.ts";

/** The files of migrations/directory/, in order. */
export const migrations: readonly Migration[] = migrationsOf([
  directory0001,
  directory0002,
  directory0003,
  directory0004,
]);
