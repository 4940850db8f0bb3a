import type { JobIndex } from "./job-index.ts";
import type { Jobs } from "./state.ts";

/**
 * Deficit round robin: each flow of a queue is served once a round, and may then take as much as its weight, with what
 * it has not used before. A flow whose first job costs more waits for the round in which its deficit is enough: that
 * round is known, so none is gone through. New flows come at the end of the next round, so that a stream of them delays
 * no other one.
 *
 * Brings the turn of a flow up to date, after its first job has changed or was taken.
 */
export function settleFlow(state: Jobs, index: JobIndex, tags: string, name: string): void {
  const queue = state.queues[tags]!;
  const { flows } = queue;
  const flow = flows[name];
  const first = index.firstOf(tags, name);
  if (!first) {
    if (!flow) return;
    // Who has nothing to do saves nothing up.
    delete flows[name];
    queue.active--;
    index.placeFlow(tags, name, undefined);
    return;
  }
  const deficit = flow ? flow.deficit : 0;
  if (deficit >= first.cost) return;
  const weight = name === "" ? 1 : (state.weights[name] ?? 1);
  const rounds = Math.ceil((first.cost - deficit) / weight);
  const turn = (flow ? flow.turn : queue.round) + rounds;
  const place = ++queue.places;
  const next = { turn, place, deficit: deficit + rounds * weight };
  if (flow) Object.assign(flow, next);
  else {
    flows[name] = next;
    queue.active++;
  }
  index.placeFlow(tags, name, { turn, place });
}

/** The turn of a flow has come, and it takes a job of this cost. `settleFlow` has to follow. */
export function charge(state: Jobs, tags: string, name: string, cost: number): void {
  const queue = state.queues[tags]!;
  const flow = queue.flows[name]!;
  queue.round = flow.turn;
  flow.deficit -= cost;
}
