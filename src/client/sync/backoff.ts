/** The first delay, and the longest: exponential, with full jitter between 0 and that. */
const baseMs = 250;
const capMs = 30_000;
/** A connection that held so long was a good one: the next attempt after it is a first one again. */
export const stableMs = 10_000;

/** How long to wait before the attempt after `failures` failed ones; at least `hintMs` if the server asked for that. */
export function backoffMs(failures: number, random: number, hintMs = 0): number {
  const most = Math.min(capMs, baseMs * 2 ** Math.min(failures, 20));
  // Full jitter also over a hint: everybody was given the same one.
  return Math.ceil(hintMs + random * most);
}
