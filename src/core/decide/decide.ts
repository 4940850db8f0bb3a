import type { Failure, Author } from "../../protocol/index.ts";
import { type Draft, single, type Submission } from "../commands.ts";
import type { DraftResult, Outcome } from "../replies.ts";
import { decideAtomic } from "./atomic.ts";
import { findPrior, keyReused } from "./deduplicate.ts";
import { decideSingle } from "./single.ts";
import { traceFailure } from "../refusal.ts";
import { roomFor } from "./room.ts";
import type { WindowContext, WriteContext } from "../window/context.ts";
import { snapshotDue } from "../jobs/snapshots.ts";
import { rejectionRetentionMs } from "../jobs/sweep-records.ts";
import { socketSweepMs } from "../jobs/sweep-sockets.ts";

/** Decides a submission, and notes in the window what was committed. Throws only what the storage throws. */
export function decide(context: WriteContext, author: Author, clientId: string, submission: Submission): Outcome {
  return submission.mode === "sequential"
    ? decideInOrder(context, author, clientId, submission.drafts)
    : decideAsOne(context, author, clientId, submission);
}

/** Decides what has one verdict: a single draft, or an atomic batch. */
function decideAsOne(context: WriteContext, author: Author, clientId: string, submission: Submission): Outcome {
  const { live, window, ports, limiter, writes, now } = context;
  const { key, mode, drafts } = submission;
  const unfit = unavailable(context, drafts) ?? overRate(context, author, key, drafts);
  if (unfit) return { kind: "refused", failure: traceFailure(unfit, context) };
  createLog(context);
  const headBefore = live.head.eventId;
  const outcome =
    mode === "atomic"
      ? decideAtomic(context, author, clientId, submission)
      : decideSingle(context, author, clientId, submission);
  if (isReplay(outcome)) {
    const failure = limiter.replay(author.principal, now);
    return failure ? { kind: "refused", failure: traceFailure(failure, context) } : outcome;
  }
  window.onRollback(limiter.spend(ports.storage, writes, author.principal, drafts, now));
  if (outcome.kind === "refused") return outcome;
  for (const result of outcome.verdict.results) if (result.kind === "accepted") window.events.push(result.event);
  if (live.head.eventId === headBefore) live.schedule.once(writes, "sweep_records", now + rejectionRetentionMs);
  else if (snapshotDue(live)) live.schedule.once(writes, "snapshot", now);
  return outcome;
}

/** Each draft by itself, up to the first that is not accepted. */
function decideInOrder(context: WriteContext, author: Author, clientId: string, drafts: readonly Draft[]): Outcome {
  const results: DraftResult[] = [];
  let timestamp = context.now;
  let open = true;
  for (const draft of drafts) {
    const { draftId } = draft;
    if (!open) {
      results.push({ kind: "not_processed", draftId });
      continue;
    }
    const outcome = decideAsOne(context, author, clientId, single(draft));
    if (outcome.kind === "decided") {
      const { verdict } = outcome;
      timestamp = verdict.timestamp;
      results.push(...verdict.results);
      open = verdict.results[0]!.kind === "accepted";
    } else {
      results.push({ kind: "not_processed", draftId, failure: outcome.failure });
      open = false;
    }
  }
  return { kind: "decided", verdict: { timestamp, results }, replayed: false };
}

/** Why nothing can be decided now: the log cannot be folded, or the state has reached its bound. */
function unavailable({ live, model }: WindowContext, drafts: readonly Draft[]): Failure | undefined {
  return live.fold.unsound ?? roomFor(live.fold, model, drafts);
}

/** Why these drafts are more than the rates allow, unless they were decided before under this key: a replay is never refused for that. */
function overRate(
  { limiter, ports, now }: WindowContext,
  { principal }: Author,
  key: string,
  drafts: readonly Draft[],
): Failure | undefined {
  const failure = limiter.excess(ports.storage, principal, drafts, now);
  return failure && !findPrior(ports.storage, principal, key) ? failure : undefined;
}

/** Whether the key was used before, for the same or for something else: nothing was decided now. */
function isReplay(outcome: Outcome): boolean {
  return outcome.kind === "refused" ? outcome.failure.code === keyReused.code : outcome.replayed;
}

function createLog({ live, name, now, attended, serverId, writes }: WriteContext): void {
  if (live.head.logId !== undefined) return;
  const logId = serverId();
  live.head.create(logId);
  writes.log.create({ logId, ...name }, now);
  if (attended) live.schedule.once(writes, "sweep_sockets", now + socketSweepMs);
}
