import { describe, expect, it } from "vitest";
import { listingRate, Listings } from "../../src/tenant/listings.ts";

const { perSecond, burst } = listingRate;

describe("what a principal lists of the partitions", () => {
  it("[AU-5] is limited, and says when more is accepted", () => {
    const listings = new Listings();
    for (let taken = 0; taken < burst; taken += 50) expect(listings.take("a", 50, 0)).toBeUndefined();
    expect(listings.take("a", 51, 0)).toMatchObject({
      code: "rate_limited",
      retryAfter: 2,
      rateLimit: { policy: "reads", quota: burst, windowSeconds: burst / perSecond },
    });
    expect(listings.take("b", 51, 0)).toBeUndefined();
    expect(listings.take("a", 51, 1_000)).toMatchObject({ code: "rate_limited" });
    expect(listings.take("a", 51, 2_000)).toBeUndefined();
  });

  it("[AU-5] is forgotten of those who have listed nothing for longest", () => {
    const listings = new Listings();
    listings.take("a", burst, 0);
    listings.take("b", burst, 0);
    for (let at = 0; at < 9_999; at++) listings.take(`p-${at}`, 1, 0);
    expect(listings.take("b", 1, 0)).toMatchObject({ code: "rate_limited" });
    expect(listings.take("a", 1, 0)).toBeUndefined();
  });
});
