import { expect, it } from "vitest";
import { plantedGuests } from "./clients/planted-guests.ts";
import { simulateGuests } from "./clients/simulate.ts";
import { explain } from "./simulate.ts";

/** Few, because each run is long: `npm run simulate -- --insieme --seeds 200` runs more. */
const seeds = 15;
/** Each planted bug must be found within this number of seeds. */
const plantedSeedsMax = 60;
const timeoutMs = 600_000;

it(
  `[WP-13] [LC-14] clients of Insieme and our own on one partition: the same log, and each draft once, in seeds 1 to ${seeds}`,
  async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const report = await simulateGuests(seed);
      if (report.violation !== undefined) throw new Error(explain(report, "--insieme "));
    }
  },
  timeoutMs,
);

it(
  "[LC-14] the same seed gives the same run with clients of Insieme",
  async () => {
    const { digest } = await simulateGuests(3);
    expect((await simulateGuests(3)).digest).toBe(digest);
    expect((await simulateGuests(4)).digest).not.toBe(digest);
  },
  timeoutMs,
);

for (const [name, variant] of Object.entries(plantedGuests)) {
  it(
    `[LC-14] [WP-13] finds ${name}`,
    async () => {
      let seed = 1;
      while (seed <= plantedSeedsMax && (await simulateGuests(seed, undefined, variant)).violation === undefined)
        seed++;
      expect(seed).toBeLessThanOrEqual(plantedSeedsMax);
    },
    timeoutMs,
  );
}
