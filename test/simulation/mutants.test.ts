import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { mutants } from "./mutants.ts";

/** Each has to be found within this number of seeds. */
const seedsMax = 1_000;
const timeoutMs = 240_000;

const run = promisify(execFile);
const script = fileURLToPath(new URL("mutant.ts", import.meta.url));

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
        ]);
        expect(JSON.parse(stdout)).toMatchObject({ seed: expect.any(Number) });
      },
      timeoutMs,
    );
  }
});
