import { describe, expect, it } from "vitest";
import { simulateCourier } from "./courier/simulate.ts";

const seeds = 200;

describe("a courier whose endpoint fails, hangs, refuses and asks to wait, and which ends at any moment", () => {
  it("[TX-12] [TX-13] [TX-15] [LC-9] delivers each message, in order where asked, and sends none again without need", async () => {
    for (let seed = 1; seed <= seeds; seed++) {
      expect([seed, await simulateCourier(seed)]).toEqual([seed, { violation: undefined }]);
    }
  });
});
