import type { Failure, Author } from "../../protocol/index.ts";
import type { Batch, Draft } from "../commands.ts";
import { rejectionRetentionMs, scheduleOnce, socketSweepMs } from "../jobs/due.ts";
import type { BatchOutcome, BatchResult, Outcome } from "../replies.ts";
import { submitAtomic } from "./atomic.ts";
import { findPrior, keyReused } from "./deduplicate.ts";
import type { Review } from "./review.ts";
import { submit } from "./submit.ts";
import { problemOf } from "../refusal.ts";
import { roomFor } from "./room.ts";
import type { Scene, WriteScene } from "../window/scene.ts";
import { snapshotDue } from "../jobs/snapshots.ts";

/** Decides one draft, and notes in the window what was committed. Throws only what the storage throws. */
export function decide(scene: WriteScene, author: Author, clientId: string, draft: Draft): Outcome {
  const { window, ports, limiter, writes, now } = scene;
  const drafts = [draft];
  const unfit = unfitFor(scene, drafts) ?? beyondRate(scene, author, draft.draftId, drafts);
  if (unfit) return { kind: "refused", problem: problemOf(unfit, scene) };
  createLog(scene);
  const outcome = submit(reviewOf(scene, author, clientId, draft), writes, ports);
  if (isRepeated(outcome)) {
    const refusal = limiter.replay(author.principal, now);
    if (refusal) return { kind: "refused", problem: problemOf(refusal, scene) };
  } else window.onRollback(limiter.spend(ports.storage, writes, author.principal, drafts, now));
  if (outcome.kind === "accepted" && !outcome.replayed) window.events.push(outcome.event);
  if (outcome.kind !== "refused") afterVerdict(scene, outcome.kind === "rejected");
  return outcome;
}

/** Decides the drafts of a batch, as its mode says. Throws only what the storage throws. */
export function decideBatch(scene: WriteScene, author: Author, clientId: string, batch: Batch): BatchOutcome {
  return batch.mode === "atomic"
    ? decideAtomic(scene, author, clientId, batch)
    : decideInOrder(scene, author, clientId, batch.drafts);
}

function decideAtomic(scene: WriteScene, author: Author, clientId: string, batch: Batch): BatchOutcome {
  const { live, window, ports, limiter, writes, now } = scene;
  const unfit = unfitFor(scene, batch.drafts) ?? beyondRate(scene, author, batch.batchId, batch.drafts);
  if (unfit) return { kind: "refused", problem: problemOf(unfit, scene) };
  createLog(scene);
  const headBefore = live.head.eventId;
  const outcome = submitAtomic(batch, (draft) => reviewOf(scene, author, clientId, draft), writes, ports);
  if (isRepeated(outcome)) {
    const refusal = limiter.replay(author.principal, now);
    return refusal ? { kind: "refused", problem: problemOf(refusal, scene) } : outcome;
  }
  window.onRollback(limiter.spend(ports.storage, writes, author.principal, batch.drafts, now));
  if (outcome.kind === "decided") {
    for (const result of outcome.verdict.results) {
      if (result.kind === "accepted" && result.event.eventId > headBefore) window.events.push(result.event);
    }
    afterVerdict(scene, live.head.eventId === headBefore);
  }
  return outcome;
}

/** Each draft by itself, up to the first that is not accepted. */
function decideInOrder(scene: WriteScene, author: Author, clientId: string, drafts: readonly Draft[]): BatchOutcome {
  const results: BatchResult[] = [];
  let timestamp = scene.now;
  let open = true;
  for (const draft of drafts) {
    const { draftId } = draft;
    if (!open) {
      results.push({ kind: "not_processed", draftId });
      continue;
    }
    const outcome = decide(scene, author, clientId, draft);
    open = outcome.kind === "accepted";
    if (outcome.kind === "accepted") {
      timestamp = outcome.event.timestamp;
      results.push({ kind: "accepted", event: outcome.event });
    } else if (outcome.kind === "rejected") {
      timestamp = outcome.rejection.problem.timestamp;
      results.push({ kind: "rejected", draftId, problem: outcome.rejection.problem });
    } else results.push({ kind: "not_processed", draftId, problem: outcome.problem });
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
function isRepeated(outcome: Outcome | BatchOutcome): boolean {
  if (outcome.kind === "refused") return outcome.problem.code === keyReused.code;
  if (outcome.kind === "rejected" && outcome.rejection.problem.code === keyReused.code) return true;
  return outcome.replayed;
}

function createLog({ live, name, now, attended, serverId, writes }: WriteScene): void {
  if (live.head.logId !== undefined) return;
  const logId = serverId();
  live.head.create(logId);
  writes.log.create({ logId, ...name }, now);
  if (attended) scheduleOnce(live, writes, "sweep_sockets", now + socketSweepMs);
}

function reviewOf(scene: Scene, author: Author, clientId: string, draft: Draft): Review {
  const { name, model, live, ports, now } = scene;
  return { partition: name.partition, model, live, reads: ports.storage, author, clientId, draft, now };
}

/** Schedules what a verdict makes due. */
function afterVerdict({ live, writes, now }: WriteScene, rejected: boolean): void {
  if (rejected) scheduleOnce(live, writes, "sweep_records", now + rejectionRetentionMs);
  else if (snapshotDue(live)) scheduleOnce(live, writes, "snapshot", now);
}
