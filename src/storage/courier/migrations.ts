import courier0001 from "../../../migrations/courier/0001_courier.sql";
import courier0002 from "../../../migrations/courier/0002_held.sql";
import { sha256 } from "../../platform/hash.ts";
import type { Migration } from "../migrations.ts";

/** The files of migrations/courier/, in order. */
export const migrations: readonly Migration[] = [courier0001, courier0002].map((sql, at) => ({
  number: at + 1,
  sql,
  sha256: sha256(sql),
}));
