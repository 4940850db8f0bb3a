import log0001 from "../../../migrations/0001_log.sql";
import batches0002 from "../../../migrations/0002_batches.sql";
import encoding0003 from "../../../migrations/0003_snapshot_encoding.sql";
import limits0004 from "../../../migrations/0004_limits.sql";
import jobs0005 from "../../../migrations/0005_incarnation_and_jobs.sql";
import authors0006 from "../../../migrations/0006_authors.sql";
import effects0007 from "../../../migrations/0007_effects.sql";
import timers0008 from "../../../migrations/0008_timers.sql";
import audit0009 from "../../../migrations/0009_audit.sql";
import annotations0010 from "../../../migrations/0010_annotations.sql";
import judged0011 from "../../../migrations/0011_judged_at.sql";
import keys0012 from "../../../migrations/0012_key_order.sql";
import { migrationsOf } from "../migration-files.ts";
import type { Migration } from "../migrations.ts";

/** The files of migrations/, in order. */
export const migrations: readonly Migration[] = migrationsOf([
  log0001,
  batches0002,
  encoding0003,
  limits0004,
  jobs0005,
  authors0006,
  effects0007,
  timers0008,
  audit0009,
  annotations0010,
  judged0011,
  keys0012,
]);
