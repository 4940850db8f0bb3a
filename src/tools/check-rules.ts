// Checks that every delivered requirement is named by a test.
import { readdirSync, readFileSync } from "node:fs";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

/** The ids in square brackets in test titles, with how often each occurs. */
function idsInTests(): Map<string, number> {
  const counts = new Map<string, number>();
  const files = readdirSync(new URL("test/", root), { recursive: true, encoding: "utf8" });
  for (const file of files.filter((name) => name.endsWith(".ts"))) {
    for (const [, id] of read(`test/${file}`).matchAll(/\[([A-Z]{2}-\d+)\]/g))
      counts.set(id!, (counts.get(id!) ?? 0) + 1);
  }
  return counts;
}

const required = read("docs/REQUIREMENTS.md").match(/(?<=^- )[A-Z]{2}-\d+/gm) ?? [];
const covered = idsInTests();
const missing = required.filter((id) => !covered.has(id));
if (missing.length > 0) {
  console.error(`Delivered requirements that no test names: ${missing.join(", ")}`);
  process.exit(1);
}
console.log(`${required.length} delivered requirements, each named by a test; ${covered.size} ids named in all.`);
