/** The first and the longest delay: exponential, with full jitter. */
const baseMs = 250;
const capMs = 30_000;
/** After a connection of this length, the next delay is the first one again. */
export const stableMs = 10_000;

/** The delay before the next attempt, after `failures` failed ones. At least `hintMs`, which the server asks for. */
export function backoffMs(failures: number, random: number, hintMs = 0): number {
  const most = Math.min(capMs, baseMs * 2 ** Math.min(failures, 20));
  // Full jitter is added to a hint: all clients got the same one.
  return Math.ceil(hintMs + random * most);
}
