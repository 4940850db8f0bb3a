import courier0001 from "../../../migrations/courier/0001_courier.sql";
import courier0002 from "../../../migrations/courier/0002_held.sql";
import courier0003 from "../../../migrations/courier/0003_trace.sql";
import { migrationsOf } from "../migration-files.ts";
import type { Migration } from "../migrations.ts";

/** The files of migrations/courier/, in order. */
export const migrations: readonly Migration[] = migrationsOf([courier0001, courier0002, courier0003]);
