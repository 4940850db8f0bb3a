/** The pause after the first failure, at most; it doubles with each further one. */
const pauseMsFirst = 100;
const pauseMsMax = 5_000;
/** Failures in a row, without a verdict between them, after which an import gives up: after about half a minute. */
export const failuresMax = 16;

/** How long to wait after `failures` in a row, in ms: exponential, with full jitter, so that clients do not come back at once. */
export function pauseAfter(failures: number, random: () => number = Math.random): number {
  return random() * Math.min(pauseMsMax, pauseMsFirst * 2 ** (failures - 1));
}
