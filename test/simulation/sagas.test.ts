import { describe, expect, it } from "vitest";
import { simulateSagas } from "./sagas/simulate.ts";
import { explain } from "./simulate.ts";

const seeds = 5;
/** Seeds within which each planted fault is found. */
const faultSeeds = 4;
const timeoutMs = 600_000;

describe("simulation of sagas over partitions that fail, with calls that are late, lost and repeated", () => {
  it(
    `[TX-14] [ID-6] [LC-14] seeds 1 to ${seeds}: each saga is done everywhere or undone everywhere, and nothing is lost`,
    async () => {
      for (let seed = 1; seed <= seeds; seed++) {
        const report = await simulateSagas(seed);
        if (report.violation !== undefined) throw new Error(explain(report, "--sagas "));
      }
    },
    timeoutMs,
  );

  it.each(["key without its saga", "undone forwards", "early result", "not fenced"] as const)(
    "[TX-14] [LC-14] finds a planted fault: %s",
    async (planted) => {
      for (let seed = 1; seed <= faultSeeds; seed++) {
        const { violation } = await simulateSagas(seed, undefined, planted);
        if (violation !== undefined) return;
      }
      expect.fail("it is not found");
    },
    timeoutMs,
  );

  it("[LC-14] the same seed gives the same run", async () => {
    const { digest } = await simulateSagas(1);
    expect((await simulateSagas(1)).digest).toBe(digest);
    expect((await simulateSagas(2)).digest).not.toBe(digest);
  });
});
