import type { Failure, Author } from "../../protocol/index.ts";
import { type Draft, single, type Submission } from "../commands.ts";
import type { DraftResult, Outcome } from "../replies.ts";
import { decideAtomic } from "./atomic.ts";
import { findPrior, keyReused } from "./deduplicate.ts";
import { decideSingle } from "./single.ts";
import { traceFailure } from "../refusal.ts";
import { roomFor } from "./room.ts";
import type { Scene, WriteScene } from "../window/scene.ts";
import { snapshotDue } from "../jobs/snapshots.ts";
import { rejectionRetentionMs } from "../jobs/sweep-records.ts";
import { socketSweepMs } from "../jobs/sweep-sockets.ts";

/** Decides a submission, and notes in the window what was committed. Throws only what the storage throws. */
export function decide(scene: WriteScene, author: Author, clientId: string, submission: Submission): Outcome {
  return submission.mode === "sequential"
    ? decideInOrder(scene, author, clientId, submission.drafts)
    : decideAsOne(scene, author, clientId, submission);
}

/** Decides what has one verdict: a single draft, or an atomic batch. */
function decideAsOne(scene: WriteScene, author: Author, clientId: string, submission: Submission): Outcome {
  const { live, window, ports, limiter, writes, now } = scene;
  const { key, mode, drafts } = submission;
  const unfit = unfitFor(scene, drafts) ?? beyondRate(scene, author, key, drafts);
  if (unfit) return { kind: "refused", failure: traceFailure(unfit, scene) };
  createLog(scene);
  const headBefore = live.head.eventId;
  const outcome =
    mode === "atomic"
      ? decideAtomic(scene, author, clientId, submission)
      : decideSingle(scene, author, clientId, submission);
  if (isRepeated(outcome)) {
    const refusal = limiter.replay(author.principal, now);
    return refusal ? { kind: "refused", failure: traceFailure(refusal, scene) } : outcome;
  }
  window.onRollback(limiter.spend(ports.storage, writes, author.principal, drafts, now));
  if (outcome.kind === "refused") return outcome;
  for (const result of outcome.verdict.results) if (result.kind === "accepted") window.events.push(result.event);
  if (live.head.eventId === headBefore) live.schedule.once(writes, "sweep_records", now + rejectionRetentionMs);
  else if (snapshotDue(live)) live.schedule.once(writes, "snapshot", now);
  return outcome;
}

/** Each draft by itself, up to the first that is not accepted. */
function decideInOrder(scene: WriteScene, author: Author, clientId: string, drafts: readonly Draft[]): Outcome {
  const results: DraftResult[] = [];
  let timestamp = scene.now;
  let open = true;
  for (const draft of drafts) {
    const { draftId } = draft;
    if (!open) {
      results.push({ kind: "not_processed", draftId });
      continue;
    }
    const outcome = decideAsOne(scene, author, clientId, single(draft));
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

/** Why this is not taken now: the log cannot be folded, or the state is as large as it may get. */
function unfitFor({ live, model }: Scene, drafts: readonly Draft[]): Failure | undefined {
  return live.fold.unsound ?? roomFor(live.fold, model, drafts);
}

/** Why these drafts are more than the rates allow, unless they were decided before under this key: a replay is never refused for that. */
function beyondRate(
  { limiter, ports, now }: Scene,
  { principal }: Author,
  key: string,
  drafts: readonly Draft[],
): Failure | undefined {
  const refusal = limiter.refusal(ports.storage, principal, drafts, now);
  return refusal && !findPrior(ports.storage, principal, key) ? refusal : undefined;
}

/** Whether the key was used before, for the same or for something else: nothing was decided now. */
function isRepeated(outcome: Outcome): boolean {
  return outcome.kind === "refused" ? outcome.failure.code === keyReused.code : outcome.replayed;
}

function createLog({ live, name, now, attended, serverId, writes }: WriteScene): void {
  if (live.head.logId !== undefined) return;
  const logId = serverId();
  live.head.create(logId);
  writes.log.create({ logId, ...name }, now);
  if (attended) live.schedule.once(writes, "sweep_sockets", now + socketSweepMs);
}
