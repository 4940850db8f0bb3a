import { type Author, bounds, type Failure } from "../../protocol/index.ts";
import { keyHolderOf, single, type Submission } from "../commands.ts";
import type { DraftResult, Outcome } from "../replies.ts";
import { decideAtomic } from "./atomic.ts";
import { answerAgain, keyReused } from "./deduplicate.ts";
import { decideSingle } from "./single.ts";
import { failureOf } from "../failures.ts";
import { isFault } from "../faults.ts";
import { traceFailure } from "../refusal.ts";
import { logFull, readOnlyFailure } from "./room.ts";
import type { WindowContext, WriteContext } from "../window/context.ts";
import { snapshotDue } from "../snapshot-due.ts";
import { rejectionRetentionMs } from "../jobs/sweep-records.ts";
import { socketSweepMs } from "../jobs/sweep-sockets.ts";

/** Answers a draft of a batch; `follows`: an earlier one was replayed. */
type Answer = (one: Submission, follows: boolean) => Outcome;

/** Decides a submission, and notes in the window what was committed. Throws only what the storage throws. */
export function decide(context: WriteContext, author: Author, clientId: string, submission: Submission): Outcome {
  return submission.mode === "sequential"
    ? decideInOrder(context, author, clientId, submission)
    : unlessAnswered(context, author, submission, () => attempt(context, author, clientId, submission), false);
}

/**
 * Decides the drafts of a sequential batch, until they have taken as much work as an atomic one may: the rest is
 * decided when the client sends the batch again. So that it then goes on, and does not do the same work again, the
 * drafts that were decided before are looked up, up to the first that was not.
 */
function decideInOrder(context: WriteContext, author: Author, clientId: string, submission: Submission): Outcome {
  const { state } = context.live.fold;
  const before = state.work;
  // One draft by itself is work that any draft may be.
  let begun = submission.drafts.length === 1;
  return inOrder(context, submission, (one, follows) => {
    const exhausted = state.work - before > bounds.batchWorkMax - bounds.draftWorkMax;
    if (!begun || exhausted) {
      const rest: Outcome = { kind: "refused", failure: traceFailure(tooMuchAtOnce, context) };
      const answer = unlessAnswered(context, author, one, () => rest, follows);
      if (answer !== rest || exhausted) return answer;
    }
    begun = true;
    return unlessAnswered(context, author, one, () => attempt(context, author, clientId, one), follows);
  });
}

const tooMuchAtOnce: Failure = {
  code: "overloaded",
  detail: "These drafts are more work than is done at once: send the batch again, and the rest is decided.",
  retryAfter: 1,
};

/**
 * The answer to a submission that is not decided, because of `failure`: what was decided before is answered again, and
 * the rest is refused. Writes nothing.
 */
export function decline(context: WindowContext, author: Author, submission: Submission, failure: Failure): Outcome {
  const refused: Outcome = { kind: "refused", failure: traceFailure(failure, context) };
  const answer: Answer = (one, follows) => unlessAnswered(context, author, one, () => refused, follows);
  if (submission.mode !== "sequential") return answer(submission, false);
  const outcome = inOrder(context, submission, answer);
  // Of a batch that nothing was decided of, nothing is to be said but that.
  return outcome.verdict.results[0]!.kind === "not_processed" ? refused : outcome;
}

/**
 * The one way to a refusal: whatever refuses a submission, its key is looked up before, and a key that was used gets
 * its first answer again. Only identity comes earlier, and of the replay itself its rate. So a retry is answered
 * whatever refuses new work, and a new draft that nothing refuses costs no look-up: the INSERT finds its key. `follows`:
 * whether it follows a replay of its batch.
 */
function unlessAnswered(
  context: WindowContext,
  author: Author,
  submission: Submission,
  decideNow: () => Outcome,
  follows: boolean,
): Outcome {
  const { live } = context;
  const before = live.position;
  let outcome: Outcome;
  try {
    outcome = decideNow();
    if (outcome.kind === "refused")
      outcome = answerAgain(context, keyHolderOf(author, submission), submission) ?? outcome;
  } catch (error) {
    // What was stored cannot be read, now or ever: of this submission nothing can be said, and the others go on. Not
    // where it was found while this one was being written: then a part of it is there, and the window is rolled back.
    if (!isFault(error) || !live.isAt(before)) throw error;
    return { kind: "refused", failure: failureOf(error, context) };
  }
  if (!isReplay(outcome)) return outcome;
  const failure = context.limiter.replay(author.principal, context.now, follows);
  return failure ? { kind: "refused", failure: traceFailure(failure, context) } : outcome;
}

/** Decides what has one verdict, unless something refuses that. */
function attempt(context: WriteContext, author: Author, clientId: string, submission: Submission): Outcome {
  const { live, window, ports, limiter, writes, now, name } = context;
  const { mode, drafts } = submission;
  const { imported } = drafts[0]!;
  // No rate is meant for events that have their times already.
  const excess = imported ? undefined : limiter.excess(ports.storage, author, drafts, now);
  const { limits } = limiter;
  const unfit = live.fold.unsound ?? readOnlyFailure(name, limits) ?? logFull(live.head, limits) ?? excess;
  if (unfit) return { kind: "refused", failure: traceFailure(unfit, context) };
  createLog(context);
  const { eventId: headBefore, bytes: bytesBefore } = live.head;
  const { state } = live.fold;
  const workBefore = state.work;
  const outcome = imported
    ? context.decideImported!(context, author, clientId, submission, imported)
    : mode === "atomic"
      ? decideAtomic(context, author, clientId, submission)
      : decideSingle(context, author, clientId, submission);
  if (isReplay(outcome)) return outcome;
  // A node that is removed was paid for when it was inserted. What is rejected was not paid for, and its undo is work, too.
  const factor = live.head.eventId === headBefore ? bounds.rejectedWorkFactor : 1;
  const taken = { bytes: live.head.bytes - bytesBefore, work: (state.work - workBefore) * factor };
  if (!imported) window.onRollback(limiter.spend(ports.storage, writes, author, drafts, taken, now));
  if (outcome.kind === "refused") return outcome;
  for (const result of outcome.verdict.results) if (result.kind === "accepted") window.events.push(result.event);
  if (live.head.eventId === headBefore) live.schedule.once(writes, "sweep_records", now + rejectionRetentionMs);
  else if (snapshotDue(live)) live.schedule.once(writes, "snapshot", now);
  return outcome;
}

/** Each draft by itself, up to the first that is not accepted. */
function inOrder(
  context: WindowContext,
  { drafts }: Submission,
  answer: Answer,
): Extract<Outcome, { kind: "decided" }> {
  const results: DraftResult[] = [];
  let timestamp = context.now;
  let open = true;
  let replayed = false;
  for (const draft of drafts) {
    const { draftId } = draft;
    if (!open) {
      results.push({ kind: "not_processed", draftId });
      continue;
    }
    const outcome = answer(single(draft), replayed);
    if (outcome.kind === "decided") {
      const { verdict } = outcome;
      timestamp = verdict.timestamp;
      results.push(...verdict.results);
      replayed ||= outcome.replayed;
      open = verdict.results[0]!.kind === "accepted";
    } else {
      results.push({ kind: "not_processed", draftId, failure: outcome.failure });
      open = false;
    }
  }
  return { kind: "decided", verdict: { timestamp, results }, replayed };
}

/** Whether the key was used before, for the same or for something else: nothing was decided now. */
function isReplay(outcome: Outcome): boolean {
  return outcome.kind === "refused" ? outcome.failure.code === keyReused.code : outcome.replayed;
}

function createLog({ live, name, now, attended, authors, serverId, writes }: WriteContext): void {
  if (live.head.logId !== undefined) return;
  const logId = serverId(live);
  writes.log.create({ logId, ...name }, now, authors.secret);
  live.head.create(logId);
  if (attended) live.schedule.once(writes, "sweep_sockets", now + socketSweepMs);
}
