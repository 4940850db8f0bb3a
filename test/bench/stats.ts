/** The results of several runs. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

/** The value below which the share `p` (0 to 1) of `values` lies; NaN if there are no values. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN;
}

export function spread(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), low: Math.min(...values), high: Math.max(...values) };
}

/** The ratios of neighbouring runs, because a disturbance of the machine affects both. */
export function ratios(ours: readonly number[], floors: readonly number[]): Spread {
  return spread(ours.map((value, at) => value / floors[at]!));
}
