/** The longest pause after the first failure; it doubles with each further failure. */
const pauseMsFirst = 100;
const pauseMsMax = 5_000;
/** An import gives up after this many failures in a row without a verdict: after about half a minute. */
export const failuresMax = 16;

/** How long to wait after `failures` in a row, in ms: exponential, with full jitter, so that clients do not reconnect at once. */
export function pauseAfter(failures: number, random: () => number = Math.random): number {
  return random() * Math.min(pauseMsMax, pauseMsFirst * 2 ** (failures - 1));
}
