import { bounds, type Failure, type Limits } from "../../protocol/index.ts";
import type { AnyModel } from "../../model/index.ts";
import type { PartitionName } from "../environment.ts";
import type { Head } from "../head.ts";
import type { Live } from "../live.ts";
import { reservedIn, reservedMax } from "../saga-room.ts";
import type { Review, TypedDraft } from "./review.ts";

/**
 * What an event may take of the state. `shrinking`: its type makes the state smaller, so it is never refused. One of them
 * can weigh a little, where it leaves an object with other keys than any that there is. `settling`: it goes on with what was
 * accepted, so it has the reserve. `new`: it leaves what open sagas need to end.
 */
export type Claim = "new" | "settling" | "shrinking";

/** What the event of a draft may take of the state. */
export function claimOf({ draft }: Pick<Review, "draft">, { definition }: Pick<TypedDraft, "definition">): Claim {
  if (definition.shrinks) return "shrinking";
  return definition.settles || draft.cause?.settles ? "settling" : "new";
}

/**
 * Why there is no room for what was applied since the state had the weight `before`, if so: it is over its bound, and has
 * not become smaller. So a state that is over its bound takes what shrinks it.
 */
export function excessWeight(model: AnyModel, live: Live, before: number, claim: Claim): Failure | undefined {
  const { weight } = live.fold.state;
  if (claim === "shrinking" || weight < before || weight + reservedMax <= bounds.stateBytesMax) return undefined;
  const max =
    claim === "settling"
      ? bounds.stateBytesMax + bounds.stateReserveBytes
      : bounds.stateBytesMax - reservedIn(model, live);
  if (weight <= max) return undefined;
  return {
    code: "state_too_large",
    detail: `The state would take ${weight} bytes in memory; at most ${max} are allowed. Delete something, or begin another partition.`,
  };
}

/** The most bytes that a log may have. */
export function logBytesMaxOf({ logBytes }: Limits): number {
  return Math.min(logBytes ?? bounds.logBytesMax, bounds.logBytesMax);
}

/** Why there is no room in the log for another event, if so. */
export function logFull(head: Head, limits: Limits): Failure | undefined {
  const most = logBytesMaxOf(limits);
  if (head.bytes < most) return undefined;
  return {
    code: "storage_full",
    detail: `The log has reached ${most} bytes: ask for a higher limit, or begin another partition. Everything can still be read.`,
  };
}

/** How long who has a draft for a partition that is read-only waits before the next attempt, in seconds. */
const readOnlyRetrySeconds = 30;

/** Why the partition accepts no new event, if the tenant has made it read-only. */
export function readOnlyFailure({ partition }: PartitionName, { readOnly }: Limits): Failure | undefined {
  if (
    !readOnly.some((pattern) =>
      pattern.endsWith("*") ? partition.startsWith(pattern.slice(0, -1)) : partition === pattern,
    )
  )
    return undefined;
  return {
    code: "read_only",
    detail: "This partition is read-only for a while. Everything can be read; drafts are decided when that has ended.",
    retryAfter: readOnlyRetrySeconds,
  };
}
