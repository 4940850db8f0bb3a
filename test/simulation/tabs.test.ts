import { describe, expect, it } from "vitest";
import { explain } from "./simulate.ts";
import { plantedInTabs } from "./tabs/planted.ts";
import { simulateTabs } from "./tabs/simulate.ts";

/** More of them: `npm run simulate -- --tabs`. */
const seeds = 4;
/** Each planted fault must be found within this number of seeds. */
const plantedSeedsMax = 100;
const timeoutMs = 600_000;

describe("tabs with the production client in the simulator", () => {
  it(
    `[CL-2] [CL-5] [CL-9] [CL-14] [MD-5] [MD-16] seeds 1 to ${seeds}`,
    async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const report = await simulateTabs(seed);
        if (report.violation !== undefined) throw new Error(explain(report, "--tabs "));
      }
    },
    timeoutMs,
  );

  it("[LC-14] the same seed gives the same run", { timeout: timeoutMs }, async () => {
    const { digest } = await simulateTabs(1);
    expect((await simulateTabs(1)).digest).toBe(digest);
  });

  for (const [name, { seed: noted, ...variant }] of Object.entries(plantedInTabs)) {
    it(
      `[LC-14] [CL-5] finds ${name}`,
      async () => {
        const isFound = async (seed: number) => (await simulateTabs(seed, undefined, variant)).violation !== undefined;
        if (await isFound(noted)) return;
        let seed = 1;
        while (seed <= plantedSeedsMax && !(await isFound(seed))) seed++;
        expect(seed).toBeLessThanOrEqual(plantedSeedsMax);
      },
      timeoutMs,
    );
  }
});
