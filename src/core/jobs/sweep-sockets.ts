import type { Job } from "./job.ts";

/**
 * How often connections are looked over for peers that vanished without a Close, while there are any. Each time wakes a
 * hibernating partition, and is billed: hourly is 730 times a month. A new connection has them looked over earlier.
 */
export const socketSweepMs = 60 * 60 * 1_000;

/** Ends, by `end`, the connections whose peers have vanished or whose tokens have expired. */
export function sweepSockets(end: (now: number) => void): Job {
  return {
    kind: "sweep_sockets",
    before: end,
    run({ attended, now }) {
      return { next: attended ? now + socketSweepMs : undefined };
    },
  };
}
