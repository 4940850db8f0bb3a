import { describe, expect, it } from "vitest";
import { administration, administrationPurpose, listingPurpose, listings } from "../../src/tenant/shared-rate.ts";

const { perSecond, burst } = listingPurpose.each;

describe("what a principal lists of the partitions", () => {
  it("[AU-5] is limited, and says when more is accepted", () => {
    const rate = listings();
    for (let taken = 0; taken < burst; taken += 50) expect(rate.take("a", 50, 0)).toBeUndefined();
    expect(rate.take("a", 51, 0)).toMatchObject({
      code: "rate_limited",
      retryAfter: 2,
      rateLimit: { policy: "reads", quota: burst, windowSeconds: burst / perSecond },
    });
    expect(rate.take("b", 51, 0)).toBeUndefined();
    expect(rate.take("a", 51, 1_000)).toMatchObject({ code: "rate_limited" });
    expect(rate.take("a", 51, 2_000)).toBeUndefined();
  });

  it("[AU-5] is forgotten of those who have listed nothing for longest", () => {
    const rate = listings();
    rate.take("a", burst, 0);
    rate.take("b", burst, 0);
    // Those who list too much together are known, too.
    for (let at = 0; at < 9_999; at++) rate.take(`p-${at}`, 1, 0);
    expect(rate.take("b", 1, 0)).toMatchObject({ code: "rate_limited", detail: expect.stringContaining("You have") });
    // All of its burst, and not only what a known one has got back.
    expect(rate.take("b", burst, 4_000)).toMatchObject({ code: "rate_limited" });
    expect(rate.take("a", burst, 4_000)).toBeUndefined();
  });

  it("[AU-5] [BD-5] is limited of all principals together, so that many names do not lift the limit", () => {
    const rate = listings();
    const refused: unknown[] = [];
    for (let at = 0; at < 1_000; at++) {
      const failure = rate.take(`p-${at}`, 50, 0);
      if (failure) refused.push(failure);
    }
    expect(refused).toHaveLength(1_000 - listingPurpose.all.burst / 50);
    expect(refused[0]).toMatchObject({
      code: "rate_limited",
      retryAfter: 1,
      detail: expect.stringContaining("tenant"),
    });
    // Who was refused for the others has paid nothing.
    expect(rate.take("p-999", 50, 1_000)).toBeUndefined();
  });
});

describe("administrative requests", () => {
  it("[AU-5] [OB-4] are limited for a principal and for the tenant", () => {
    const { each, all } = administrationPurpose;
    const rate = administration();
    for (let at = 0; at < each.burst; at++) expect(rate.take("a", 1, 0)).toBeUndefined();
    expect(rate.take("a", 1, 0)).toMatchObject({
      code: "rate_limited",
      retryAfter: 1,
      rateLimit: { policy: "administration", quota: each.burst },
    });
    const others = all.burst / each.burst - 1;
    for (let at = 0; at < others * each.burst; at++) {
      expect(rate.take(`b-${at % others}`, 1, 0)).toBeUndefined();
    }
    expect(rate.take("c", 1, 0)).toMatchObject({ code: "rate_limited", rateLimit: { quota: all.burst } });
    expect(rate.take("a", 1, 1_000)).toBeUndefined();
  });
});
