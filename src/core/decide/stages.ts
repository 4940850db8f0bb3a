import type { Author, Failure } from "../../protocol/index.ts";
import type { Draft } from "../commands.ts";
import type { WindowContext } from "../window/context.ts";
import { checkConflict } from "./conflict.ts";
import { Meter } from "./meter.ts";
import { checkPermission } from "./permission.ts";
import type { Review, TypedDraft } from "./review.ts";
import { checkRules } from "./rules.ts";
import { checkSchema } from "./schema.ts";
import { transformDraft } from "./transform.ts";

/** The stages before the commit, in order; the first that fails decides. Returns the draft as it is to be committed. */
export function check(review: Review): Failure | TypedDraft {
  const typed = checkSchema(review);
  if ("code" in typed) return typed;
  // An imported event has its place in the order: what came before it there comes before it here.
  const failure = checkPermission(review, typed) ?? (review.draft.imported ? undefined : checkConflict(review, typed));
  if (failure) return failure;
  const transformed = transformDraft(review, typed);
  if ("code" in transformed) return transformed;
  const broken = checkRules(review, transformed);
  review.meter.assert();
  return broken ?? transformed;
}

/** What the stages of a draft work with. `ofBatch`: the work that the drafts of its atomic batch took before it, which are `earlier`. */
export function reviewOf(
  context: WindowContext,
  author: Author,
  clientId: string,
  draft: Draft,
  ofBatch: number,
  earlier: readonly TypedDraft[],
): Review {
  const { name, model, effects, nextOccurrence, authors, live, incarnation, ports, traceId, now } = context;
  const { partition } = name;
  const shrinks = model.eventType(draft.event.type)?.shrinks === true;
  const meter = new Meter(live.fold.state, shrinks, ofBatch);
  return {
    partition,
    model,
    effects,
    nextOccurrence,
    authors,
    live,
    incarnation,
    ports,
    author,
    clientId,
    draft,
    traceId,
    earlier,
    meter,
    now,
  };
}
