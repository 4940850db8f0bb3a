import type { Timing } from "../../../src/client/index.ts";
import { defaultTiming } from "../../../src/client/transport/timing.ts";
import type { Random } from "../random.ts";
import type { NetworkConditions } from "./connection.ts";

/** The network of a run, from its seed, and how its clients wait. `often`: a likelihood that is often none, at most `most`. */
export function lineOf(random: Random) {
  const often = (most: number) => (random.chance(0.4) ? 0 : random.next() * most);
  const hasty = random.chance(0.5);
  const timing: Timing = hasty
    ? { connectMs: 2_000, heartbeatMs: 3_000, heartbeatAnswerMs: 1_500, answerMs: 3_000, storeMs: 60_000, verifyMs: 0 }
    : { ...defaultTiming, storeMs: 60_000, verifyMs: 0 };
  const conditions: NetworkConditions = {
    latencyMsMax: random.pick([0, 5, 60, 400]),
    noticeMsMax: random.pick([0, 20, 300]),
    stallMsMax: random.pick([100, 1_000]),
    unnoticed: often(0.3),
    faults: { drop: often(0.05), duplicate: often(0.05), truncate: often(0.03), stall: often(0.05) },
  };
  return { often, timing, conditions };
}
