import { describe, expect, it } from "vitest";
import { explain } from "./simulate.ts";
import { simulateTexts } from "./texts/simulate.ts";

/** More of them: `npm run simulate -- --texts`. Faults that it has to find are in `mutants.ts`. */
const seeds = 30;
const timeoutMs = 600_000;

describe("texts that several clients edit in the simulator", () => {
  it(
    `[TX-7] [MD-9] [CL-1] [CL-8] [CL-11] seeds 1 to ${seeds}`,
    async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const report = await simulateTexts(seed);
        if (report.violation !== undefined) throw new Error(explain(report, "--texts "));
      }
    },
    timeoutMs,
  );

  it("[LC-14] the same seed gives the same run", { timeout: timeoutMs }, async () => {
    const { digest } = await simulateTexts(1);
    expect((await simulateTexts(1)).digest).toBe(digest);
  });
});
