import { bounds, type Failure } from "../../protocol/index.ts";
import type { Fold } from "../fold.ts";

/**
 * Why there is no room for what was applied since the state had the weight `before`, if so: it is over
 * `bounds.stateBytesMax`, and has not become smaller. So a state that is over its bound takes what shrinks it.
 */
export function excessWeight(fold: Fold, before: number): Failure | undefined {
  const { weight } = fold.state;
  if (weight <= bounds.stateBytesMax || weight < before) return undefined;
  return {
    code: "state_too_large",
    detail: `The state would take ${weight} bytes in memory; at most ${bounds.stateBytesMax} are allowed. Delete something, or begin another partition.`,
  };
}
