import { describe, expect, it } from "vitest";
import { simulateEffects } from "./effects/simulate.ts";
import { explain } from "./simulate.ts";

// More by `npm run simulate -- --effects --seeds 1000`.
const seedsPerTest = 60;
const tests = 2;
const timeoutMs = 600_000;

describe("simulation of partitions that submit to each other and to endpoints, with an inventory and an audited ledger", () => {
  for (let from = 1; from < tests * seedsPerTest; from += seedsPerTest) {
    it(
      `[TX-12] [TX-13] [TX-15] [TX-16] [TX-17] [AU-11] [LC-9] [LC-14] seeds ${from} to ${from + seedsPerTest - 1}`,
      async () => {
        for (let seed = from; seed < from + seedsPerTest; seed++) {
          const report = await simulateEffects(seed);
          if (report.violation !== undefined) throw new Error(explain(report, "--effects "));
        }
      },
      timeoutMs,
    );
  }

  it("[LC-14] the same seed gives the same run", async () => {
    for (const seed of [1, 2, 3]) {
      const { digest } = await simulateEffects(seed);
      expect((await simulateEffects(seed)).digest).toBe(digest);
      expect((await simulateEffects(seed + 1)).digest).not.toBe(digest);
    }
  });
});
