import type { DayCost } from "../platform/metrics-api.ts";

/** The days of a partition that are kept: a month as the platform bills it, and some. */
export const costDaysMax = 35;
const dayMs = 24 * 60 * 60 * 1_000;

/** The first day that is kept, as 2026-11-30. */
export const firstCostDay = (now: number): string =>
  new Date(now - (costDaysMax - 1) * dayMs).toISOString().slice(0, 10);

/** The sums by day, in order. */
export function addCosts(known: readonly DayCost[], more: readonly DayCost[]): readonly DayCost[] {
  const byDay = new Map(known.map((cost) => [cost.day, cost]));
  for (const cost of more) {
    const before = byDay.get(cost.day);
    byDay.set(cost.day, before ? sumOf(before, cost) : cost);
  }
  return [...byDay.values()].toSorted((a, b) => (a.day < b.day ? -1 : 1));
}

/** All but the size is added up. */
function sumOf(before: DayCost, cost: DayCost): DayCost {
  const sum = { ...cost };
  for (const name of ["requests", "socketMessages", "rowsRead", "rowsWritten", "activeMs", "events"] as const) {
    sum[name] += before[name];
  }
  return sum;
}
