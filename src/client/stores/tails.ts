import type { BaseTail } from "./store.ts";

/** An event, and its log. */
export interface End {
  serverId: string;
  eventId: number;
  proof?: string | undefined;
}

/** Whether `tail` continues what ends so. The same proof shows that it is the same log up to there. */
export function continues({ serverId, after, afterProof }: BaseTail, end: End): boolean {
  return end.serverId === serverId && end.eventId === after && end.proof === afterProof;
}

/** Of stored tails, those that continue a base one after the other. Others are of a base that was replaced, perhaps by an earlier version. */
export function tailOf(base: End, tails: readonly BaseTail[]): string[] {
  const byStart = new Map(tails.map((tail) => [tail.after, tail]));
  const texts: string[] = [];
  let end = base;
  for (;;) {
    const next = byStart.get(end.eventId);
    if (!next || !continues(next, end)) return texts;
    texts.push(next.events);
    end = next;
  }
}
