import courier0001 from "../../../migrations/courier/0001_courier.sql";
import courier0002 from "../../../migrations/courier/0002_held.sql";
import courier0003 from "../../../migrations/courier/0003_trace.sql";
import { sha256 } from "../../platform/hash.ts";
import type { Migration } from "../migrations.ts";

/** The files of migrations/courier/, in order. */
export const migrations: readonly Migration[] = [courier0001, courier0002, courier0003].map((sql, at) => ({
  number: at + 1,
  sql,
  sha256: sha256(sql),
}));
