// Checks that docs/api, and what the guide has from the code, match the sources: generates them, and compares.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { generatedDocuments } from "./docs/limits.ts";
import { projectFolder } from "./wrangler.ts";

/** The files of a folder, by relative path. */
function filesIn(folder: string): Map<string, string> {
  const entries = existsSync(folder) ? readdirSync(folder, { recursive: true, withFileTypes: true }) : [];
  const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return new Map(paths.map((path) => [relative(folder, path).replaceAll("\\", "/"), readFileSync(path, "utf8")]));
}

/** Generates the reference from the sources. Undefined if that fails; typedoc has printed the reason. */
function generate(): Map<string, string> | undefined {
  const folder = mkdtempSync(join(tmpdir(), "api-"));
  try {
    const typedoc = join(projectFolder, "node_modules/typedoc/bin/typedoc");
    const { status } = spawnSync(process.execPath, [typedoc, "--out", folder, "--logLevel", "Warn"], {
      cwd: projectFolder,
      stdio: "inherit",
    });
    return status === 0 ? filesIn(folder) : undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const expected = generate();
const found = filesIn(join(projectFolder, "docs/api"));
const paths = new Set([...(expected?.keys() ?? []), ...found.keys()]);
const outdated = [...paths].filter((path) => expected?.get(path) !== found.get(path));
for (const [path, text] of generatedDocuments()) if (readFileSync(path, "utf8") !== text) outdated.push(path);
if (!expected) process.exitCode = 1;
else if (outdated.length > 0) {
  console.error(`The documentation does not match the sources: ${outdated.join(", ")}. Run "npm run docs".`);
  process.exitCode = 1;
} else console.log(`The API reference is up to date, in ${found.size} files.`);
