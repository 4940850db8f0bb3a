import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { mutants } from "./mutants.ts";

/** Each has to be found within this number of seeds. */
const seedsMax = 1_000;
const timeoutMs = 600_000;

const run = promisify(execFile);
const script = fileURLToPath(new URL("mutant.ts", import.meta.url));
// The seeds that have found them: only to find them sooner. `npm run mutants` writes them.
const seedsFile = new URL("mutant-seeds.json", import.meta.url);
const seeds = JSON.parse(readFileSync(seedsFile, "utf8")) as Record<string, number>;
const found: Record<string, number> = {};

afterAll(() => {
  if (process.env["PARTITA_MUTANTS"] === "write") writeFileSync(seedsFile, `${JSON.stringify(found, undefined, 2)}\n`);
});

describe("faults that are planted into the production shell and core", () => {
  for (const name of Object.keys(mutants)) {
    it(
      `${name}: is found`,
      async () => {
        const { stdout } = await run(process.execPath, [
          "--disable-warning=ExperimentalWarning",
          script,
          name,
          String(seedsMax),
          String(seeds[name] ?? 1),
        ]);
        const result = JSON.parse(stdout) as { seed: number } | null;
        expect(result).toMatchObject({ seed: expect.any(Number) });
        found[name] = result!.seed;
      },
      timeoutMs,
    );
  }
});
