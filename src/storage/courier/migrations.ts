import courier0001 from "../../../migrations/courier/0001_courier.sql";
import { sha256 } from "../../platform/hash.ts";
import type { Migration } from "../migrations.ts";

/** The files of migrations/courier/, in order. */
export const migrations: readonly Migration[] = [courier0001].map((sql, at) => ({
  number: at + 1,
  sql,
  sha256: sha256(sql),
}));
