import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../fixtures/schemas/", import.meta.url);

/** The databases of earlier schemas, as SQL text, in order. */
export function schemasOf(database: "partition" | "tenant" | "courier" | "directory"): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${database}-`))
    .toSorted()
    .map((name) => readFileSync(new URL(name, folder), "utf8"));
}
