// Checks that every delivered requirement is named by a test, and that every test names one.
import { readdirSync, readFileSync } from "node:fs";

const root = new URL("../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

const testFiles = readdirSync(new URL("test/", root), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ name, text: read(`test/${name}`) }));

/** The ids in square brackets in test titles, with how often each occurs. */
function idsInTests(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { text } of testFiles) {
    for (const [, id] of text.matchAll(/\[([A-Z]{2}-\d+)\]/g)) counts.set(id!, (counts.get(id!) ?? 0) + 1);
  }
  return counts;
}

/** A test whose title is written where it begins, and does not begin with an id; that of a planted fault is its name, which does. */
const untitled =
  /^\s*(?:it|test)(?:\.(?:each|for|skipIf|runIf)\([^"`]*?(?:"[^"]*"[^"`]*?)*?\))?\(\s*(["`])(?!\[[A-Z]{2}-\d+\]|\$\{name\})(.*?)\1,\s/gm;

const required = read("docs/REQUIREMENTS.md").match(/(?<=^- )[A-Z]{2}-\d+/gm) ?? [];
const covered = idsInTests();
const missing = required.filter((id) => !covered.has(id));
if (missing.length > 0) {
  console.error(`Delivered requirements that no test names: ${missing.join(", ")}`);
  process.exit(1);
}
const nameless = testFiles.flatMap(({ name, text }) =>
  [...text.matchAll(untitled)].map(([, , title]) => `test/${name}: ${title}`),
);
if (nameless.length > 0) {
  console.error(`Tests whose titles do not begin with the id of a requirement:\n${nameless.join("\n")}`);
  process.exit(1);
}
console.log(`${required.length} delivered requirements, each named by a test; ${covered.size} ids named in all.`);
