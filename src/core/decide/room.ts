import type { AnyModel } from "../../model/index.ts";
import { type Failure, bounds, utf8Length } from "../../protocol/index.ts";
import type { Draft } from "../commands.ts";
import type { Live } from "../live.ts";

/** A state just under its bound is measured again only after it has grown by this much, which it may so exceed it by. */
const growthBytes = 256 * 1024;

/**
 * Why there is no room for these drafts, if so: the state has reached `bounds.stateBytesMax`, and not
 * all of them shrink it. `live.stateBytes` is an upper bound, grown by every payload; measuring
 * costs what the state is large, so it is done when the bound is reached, and once for each state.
 */
export function roomFor(live: Live, model: AnyModel, drafts: readonly Draft[]): Failure | undefined {
  if (live.stateBytes <= bounds.stateBytesMax) return undefined;
  if (drafts.every(({ event }) => model.eventType(event.type)?.shrinks)) return undefined;
  if (live.measuredAt !== live.head) {
    live.stateBytes = utf8Length(live.state.stringify());
    live.measuredAt = live.head;
    if (live.stateBytes <= bounds.stateBytesMax) {
      live.stateBytes = Math.min(live.stateBytes, bounds.stateBytesMax - growthBytes);
      return undefined;
    }
  }
  return {
    code: "state_too_large",
    detail: `The state has reached ${bounds.stateBytesMax} bytes: delete something, or begin another partition.`,
  };
}
