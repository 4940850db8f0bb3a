import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Row } from "./bench.ts";

/** The rows of measures, by their names. */
export type KeptRows = Record<string, readonly Row[]>;

/** Adds rows to those in a file, which it makes where there is none. Returns all of them; of a measure those of its last run. */
export function keepRows(file: string, rows: KeptRows): KeptRows {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as KeptRows) : {};
  const kept = { ...before, ...rows };
  writeFileSync(file, JSON.stringify(kept, undefined, 2));
  return kept;
}
