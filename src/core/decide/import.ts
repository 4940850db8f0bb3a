import type { Author, Failure } from "../../protocol/index.ts";
import type { Imported, Submission } from "../commands.ts";
import { traceFailure } from "../refusal.ts";
import type { Outcome } from "../replies.ts";
import type { WriteContext } from "../window/context.ts";
import { acceptedVerdict, keyReused } from "./deduplicate.ts";
import { ModelFault } from "./model-fault.ts";
import { draftFailed, reviewAndCommit } from "./single.ts";
import { reviewOf } from "./stages.ts";

/**
 * Decides one event of another server by the stages of any draft, with its number and its time. It causes no effects: they
 * have happened where it comes from. What does not fit is refused and not stored, so that it can come again.
 */
export function decideImported(
  context: WriteContext,
  author: Author,
  clientId: string,
  { drafts: [draft] }: Submission,
  imported: Imported,
): Outcome {
  const { live, model, now } = context;
  const refuse = (failure: Failure): Outcome => ({ kind: "refused", failure: traceFailure(failure, context) });
  const misplaced = misplacedFailure(imported, live.head, now);
  if (misplaced) return refuse(misplaced);
  if (imported.author !== undefined && model.authors === "pseudonym") return refuse(pseudonymous);
  const by = imported.author === undefined ? author : { ...author, principal: imported.author };
  const review = reviewOf(
    { ...context, effects: undefined, now: imported.timestamp },
    by,
    draft!.clientId ?? clientId,
    draft!,
    0,
    [],
  );
  try {
    const result = review.meter.run(() => reviewAndCommit(review, context));
    if (!result) return refuse(keyReused);
    if ("failure" in result) return refuse(result.failure);
    live.append(result.row);
    return { kind: "decided", verdict: acceptedVerdict([result.row]), replayed: false };
  } catch (error) {
    if (error instanceof ModelFault) return refuse(draftFailed);
    throw error;
  }
}

const pseudonymous: Failure = {
  code: "validation_failed",
  layer: "schema",
  detail: "Its author is a pseudonym of the log that it comes from: here the same author has another one.",
  errors: [{ field: "event.author", code: "PSEUDONYM", message: "Pseudonyms belong to their log." }],
};

function misplacedFailure(
  { eventId, timestamp }: Imported,
  head: { eventId: number; timestamp: number },
  now: number,
): Failure | undefined {
  if (eventId !== head.eventId + 1) {
    const detail = `The log ends at event ${head.eventId}: event ${head.eventId + 1} is next, not ${eventId}.`;
    return { code: "conflict", detail, currentEventIndex: head.eventId };
  }
  if (timestamp >= head.timestamp && timestamp <= now) return undefined;
  const message = `The time is not between that of the last event, ${head.timestamp}, and now.`;
  const errors = [{ field: "timestamp", code: "OUT_OF_ORDER", message }];
  return { code: "validation_failed", layer: "schema", detail: message, errors };
}
