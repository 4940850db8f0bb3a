import { describe, expect, it } from "vitest";
import { planted } from "./planted.ts";
import { explain, simulate } from "./simulate.ts";

const seedsPerTest = 100;
const tests = 10;
/** Each planted bug has to be found within this number of seeds. */
const plantedSeedsMax = 50;
const timeoutMs = 600_000;

async function expectNothingWrong(seed: number, steps?: number): Promise<void> {
  const report = await simulate(seed, steps);
  if (report.violation !== undefined) throw new Error(explain(report));
}

describe("simulation", () => {
  for (let from = 1; from < tests * seedsPerTest; from += seedsPerTest) {
    it(
      `[LC-14] [WP-4] [WP-5] [WP-12] [ID-1] [ID-7] [ID-12] [TX-5] [TX-6] [TX-8] seeds ${from} to ${from + seedsPerTest - 1}`,
      async () => {
        for (let seed = from; seed < from + seedsPerTest; seed++) await expectNothingWrong(seed);
      },
      timeoutMs,
    );
  }

  it("[LC-14] the same seed gives the same run", async () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { digest } = await simulate(seed);
      expect((await simulate(seed)).digest).toBe(digest);
      expect((await simulate(seed + 1)).digest).not.toBe(digest);
    }
  });

  for (const [name, variant] of Object.entries(planted)) {
    it(
      `[LC-14] finds ${name}`,
      async () => {
        let seed = 1;
        while (seed <= plantedSeedsMax && (await simulate(seed, undefined, variant)).violation === undefined) seed++;
        expect(seed).toBeLessThanOrEqual(plantedSeedsMax);
      },
      timeoutMs,
    );
  }
});
