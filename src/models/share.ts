import { bounds } from "../protocol/index.ts";

/**
 * Whether one who has `own` of the `open` holds of a partition may open another one: while it has fewer than are left for
 * all. Each hold has a timer, of which a partition has a bounded number. So where n take as many as they can, each gets one
 * part of n + 1, and one part is left for others.
 *
 * The first hold is never refused here: where no timer is left, the partition says so, and the draft can be tried again.
 * A refusal by a rule is final.
 */
export function hasShareLeft(own: number, open: number): boolean {
  return own === 0 || own < bounds.timersMax - open;
}
