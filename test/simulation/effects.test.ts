import { describe, expect, it } from "vitest";
import { simulateEffects } from "./effects/simulate.ts";
import { explain } from "./simulate.ts";

// More by `npm run simulate -- --effects --seeds 1000`.
const seeds = 120;
const timeoutMs = 600_000;

describe("simulation of partitions that submit to each other and to endpoints, with an inventory and an audited ledger", () => {
  it(
    `[TX-12] [TX-13] [TX-15] [TX-16] [TX-17] [AU-11] [LC-9] [LC-14] seeds 1 to ${seeds}`,
    async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const report = await simulateEffects(seed);
        if (report.violation !== undefined) throw new Error(explain(report, "--effects "));
      }
    },
    timeoutMs,
  );

  it("[LC-14] the same seed gives the same run", async () => {
    for (const seed of [1, 2, 3]) {
      const { digest } = await simulateEffects(seed);
      expect((await simulateEffects(seed)).digest).toBe(digest);
      expect((await simulateEffects(seed + 1)).digest).not.toBe(digest);
    }
  });
});
