/**
 * Whether one who has `own` of what a partition has a bounded number of (`taken` of `max` are taken) may take another one:
 * while it has fewer than are left for all. So where n take as many as they can, in turn, each gets one part of n + 1, and
 * one part is left for others.
 *
 * The first one is never refused here: the bound itself says when nothing is left.
 */
export function hasShareLeft(own: number, taken: number, max: number): boolean {
  return own === 0 || own < max - taken;
}

/** An author as a key of the state: some names cannot be keys, and numbers would come in an order of their own. */
export function authorKey(author: string): string {
  return `@${author}`;
}
