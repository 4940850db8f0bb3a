import type { Random } from "../random.ts";

/** What a seed makes of a run. */
export function characterOf(random: Random) {
  const often = (most: number) => (random.chance(0.4) ? 0 : random.next() * most);
  return {
    nodes: random.between(2, 4),
    latencyMsMax: random.pick([0, 5, 60]),
    /** How likely a call is lost, its answer is, or it arrives twice. */
    losing: random.pick([0, 0.1, 0.3]),
    actMsMax: random.pick([5, 40, 200]),
    restores: random.chance(0.3),
    /** Endpoints of webhooks: one wants all messages, another one a type. */
    endpoints: random.between(0, 2),
    /** Whether there are an inventory and a ledger, which take orders; and whether the log of that has audited segments. */
    market: random.chance(0.5),
    audited: random.chance(0.1),
    storm: {
      nothing: 1,
      fault: often(4),
      crash: often(1),
      evict: often(2),
      drain: often(0.5),
      jump: often(0.5),
      restore: often(1),
      endpoint: often(4),
    },
  };
}
