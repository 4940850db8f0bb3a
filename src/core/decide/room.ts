import type { AnyModel } from "../../model/index.ts";
import { type Failure, bounds } from "../../protocol/index.ts";
import type { Draft } from "../commands.ts";
import type { Fold } from "../fold.ts";

/** A state just under its bound is measured again only after it has grown by this much, which it may so exceed it by. */
const growthBytes = 256 * 1024;

/**
 * Why there is no room for these drafts, if so: the state has reached `bounds.stateBytesMax`, and not
 * all of them shrink it.
 */
export function roomFor(fold: Fold, model: AnyModel, drafts: readonly Draft[]): Failure | undefined {
  if (fold.stateBytes <= bounds.stateBytesMax) return undefined;
  if (drafts.every(({ event }) => model.eventType(event.type)?.shrinks)) return undefined;
  if (!fold.exceeds(bounds.stateBytesMax, growthBytes)) return undefined;
  return {
    code: "state_too_large",
    detail: `The state has reached ${bounds.stateBytesMax} bytes: delete something, or begin another partition.`,
  };
}
