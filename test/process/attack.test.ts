import { afterAll, beforeAll, expect, test } from "vitest";
import { Arena } from "../attack/arena.ts";
import { cases } from "../attack/cases.ts";

// A part of `npm run attack`, over small partitions: the answers are judged, and memory generously. Its own run judges
// the cost.

/** No attack of this size takes nearly as much. */
const growthMiBMax = 256;

const arena = new Arena(true);
beforeAll(() => arena.start());
afterAll(() => arena.stop());

test.each(cases.filter(({ tested }) => tested).map((attack) => [attack.what, attack] as const))(
  "[BD-1] [BD-2] the answers to an attack: %s",
  async (_, { prepare, bound }) => {
    const attack = await prepare(arena);
    const who = await arena.attacker();
    await attack.enter?.(who);
    const { result, cost } = await arena.meter.measure(() => attack.strike(who));
    expect(Object.keys(result.answers)).not.toEqual([]);
    expect(attack.judge?.(result.answers)).toBeUndefined();
    expect(await attack.aftermath?.()).toBeUndefined();
    if (bound.memoryMiB !== undefined) expect(cost.growthMiB).toBeLessThan(growthMiBMax);
    attack.end?.();
    const { status } = await arena.http(who, "/livez");
    expect(status).toBe(200);
  },
);
