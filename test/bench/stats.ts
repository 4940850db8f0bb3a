/** What several runs gave. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

/** The value below which the share `p` (0 to 1) of `values` lies; NaN for none. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

export function spread(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), low: Math.min(...values), high: Math.max(...values) };
}

/** The ratios of runs that were made one after the other: what disturbs the machine disturbs both. */
export function ratios(ours: readonly number[], floors: readonly number[]): Spread {
  return spread(ours.map((value, at) => value / floors[at]!));
}
