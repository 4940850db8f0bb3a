import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/** Comments that say how a migration is applied. What "Additive" is followed by says why. */
const directive = /^-- (?:Additive: |Where empty: .*)/;

/**
 * A migration without its comments and its alignment, which are a third of it; and in its last line the hash of the file, by
 * which a database knows it.
 *
 * @throws Error where a text in quotes has what is taken out.
 */
export function compactMigration(sql: string): string {
  if (/'[^'\n]*(--| {2})[^'\n]*'/.test(sql)) throw new Error("a text in quotes looks like a comment, or is aligned");
  const lines = sql
    .split("\n")
    .map((line) => directive.exec(line)?.[0] ?? line.replace(/--.*$/, "").replaceAll(/ {2,}/g, " ").trim());
  return `${lines.filter((line) => line !== "").join("\n")}\n-- sha256 ${createHash("sha256").update(sql).digest("hex")}`;
}

/** Puts migrations into modules. */
export const migrationModules = {
  name: "migrations",
  load(id: string) {
    if (!id.endsWith(".sql")) return undefined;
    return {
      code: `export default ${JSON.stringify(compactMigration(readFileSync(id, "utf8")))};`,
      moduleType: "js" as const,
    };
  },
};
