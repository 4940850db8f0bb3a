import type { Delivered, Draft, Outcome, Submission } from "../core/index.ts";
import type { AnyModel } from "../model/index.ts";
import { accepts } from "../model/accepts.ts";
import type { SubmittedEffect } from "../platform/rpc.ts";
import { type Author, type Failure, isRetryable, systemAuthor } from "../protocol/index.ts";

/** What a receiver needs of its partition. */
interface EffectReceiverHost {
  readonly model: AnyModel;
  /** Why no new draft can be decided now, or undefined. */
  admit(): Promise<Failure | undefined>;
  /** Decides a submission in its turn. `declined`: it is not decided, but an answer that its key has comes first. */
  decide(author: Author, submission: Submission, bytes: number, declined: Failure | undefined): Promise<Outcome>;
}

/**
 * Decides effects of another partition, in their order: those behind one that may be accepted later are not decided. So the
 * order holds, and each is decided once, by its id. Returns what became of the first ones.
 */
export async function receiveEffects(
  host: EffectReceiverHost,
  from: string,
  effects: readonly SubmittedEffect[],
): Promise<readonly Delivered[]> {
  const author = systemAuthor("partition", from);
  const drafts = effects.map(({ effectId, event, correlationId, hops, traceId }): Draft => {
    return { draftId: effectId, event, expectedEventId: undefined, cause: { correlationId, hops, traceId } };
  });
  const declined = await host.admit();
  const results: Delivered[] = [];
  while (results.length < drafts.length && results.at(-1)?.kind !== "later") {
    const { batch, refusal } = nextBatch(host.model, from, drafts.slice(results.length));
    const submission: Submission = { key: batch[0]!.draftId, mode: "sequential", drafts: batch };
    const bytes = JSON.stringify(batch).length;
    results.push(...resultsOf(await host.decide(author, submission, bytes, refusal ?? declined)));
  }
  return results;
}

/** The next drafts that can be decided as one submission, or one that the model does not accept. */
function nextBatch(
  model: AnyModel,
  from: string,
  drafts: readonly Draft[],
): { batch: readonly Draft[]; refusal: Failure | undefined } {
  const refused = drafts.findIndex(({ event }) => !accepts(model, from, event.type));
  if (refused === 0) return { batch: drafts.slice(0, 1), refusal: notAccepted };
  return { batch: refused < 0 ? drafts : drafts.slice(0, refused), refusal: undefined };
}

const notAccepted: Failure = {
  code: "forbidden",
  layer: "permission",
  detail: "The model of this partition does not accept this type from that partition.",
};

/** What became of the first drafts of a submission, one at least: up to the one that was not accepted. */
function resultsOf(outcome: Outcome): Delivered[] {
  if (outcome.kind === "refused") return [refusedBy(outcome.failure)];
  const results: Delivered[] = [];
  for (const result of outcome.verdict.results) {
    if (result.kind === "accepted") results.push({ kind: "delivered", eventId: result.event.eventId });
    else if (result.kind === "rejected") {
      const { code, detail } = result.failure;
      results.push({ kind: "rejected", code, detail });
    } else {
      if (result.failure) results.push(refusedBy(result.failure));
      break;
    }
  }
  return results;
}

function refusedBy({ code, detail, retryAfter }: Failure): Delivered {
  return isRetryable(code)
    ? { kind: "later", code, retryAfterMs: (retryAfter ?? 0) * 1_000 }
    : { kind: "refused", code, detail };
}
