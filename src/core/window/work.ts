import type { Failure, Author } from "../../protocol/index.ts";
import type { DueTimer } from "../timers/timers.ts";
import type { Command, ReadCommand, Submission } from "../commands.ts";
import { draftCost, pieceCost } from "../cost.ts";
import type { Outcome } from "../replies.ts";
import type { Session } from "../delivery/session.ts";
import type { Subscription } from "../delivery/subscription.ts";

/** Something to be done in a window: a command of a connection, a pull, or a submission that is answered elsewhere. */
export type Work = Asked<Command> | Pull | Submitted | Fired | Declined;

/** Work that writes nothing. */
export type ReadWork = Asked<ReadCommand> | Pull | Declined;

/** A command, answered through its session. */
interface Asked<C extends Command> {
  readonly session: Session;
  readonly command: C;
}

/** A subscription that asks for its next page. */
export interface Pull {
  readonly subscription: Subscription;
  /** Set where it did not fit into the queue: why the subscription ends instead. */
  readonly refused?: Failure;
}

/** Who is answered elsewhere than on a connection, as over HTTP. */
interface Answered {
  readonly author: Author;
  /** The trace id of its failures; undefined: a new one for each. */
  readonly traceId?: string | undefined;
  answer(outcome: Outcome): void;
}

/** A submission without a connection. */
interface Submitted extends Answered {
  readonly clientId: string;
  readonly submission: Submission;
}

/** The draft of a timer that is due. */
export interface Fired extends Submitted {
  readonly timer: DueTimer;
}

/** A submission without a connection that is not decided, and why. `submission`: where its content is kept. */
interface Declined extends Answered {
  readonly submission: Submission | undefined;
  readonly declined: Failure;
}

/** The trace id that work has come with; undefined: none. */
export function traceIdOf(work: Work): string | undefined {
  if ("session" in work) return work.session.traceId;
  return "subscription" in work ? work.subscription.traceId : work.traceId;
}

/** The ids of the first `max` drafts that are decided by themselves, and not as members of an atomic batch. */
export function singleDraftsOf(batch: readonly Work[], max: number): string[] {
  const draftIds: string[] = [];
  for (const work of batch) {
    const submission = anySubmissionOf(work);
    if (!submission || submission.mode === "atomic") continue;
    for (const { draftId } of submission.drafts) if (draftIds.length < max) draftIds.push(draftId);
  }
  return draftIds;
}

/** Whether work only reads; a window of such work opens no transaction, and so creates no storage. */
export function onlyReads(work: Work): work is ReadWork {
  if ("command" in work) return work.command.kind !== "submit";
  return "subscription" in work || "declined" in work;
}

/**
 * What stands for work that is not done, because of `failure`. `keeps`: whether the content of a submission is kept:
 * then its key is looked up before it is refused.
 */
export function declined(work: Work, failure: Failure, keeps: boolean): ReadWork {
  if ("subscription" in work) return { ...work, refused: failure };
  if (!("command" in work)) {
    const { author, traceId, submission, answer } = work;
    return { author, traceId, submission: keeps ? submission : undefined, declined: failure, answer };
  }
  const { session, command } = work;
  const { requestId } = command;
  const submission = submissionOf(command);
  const draftId = command.kind === "declined" ? command.draftId : submission?.key;
  const kept = keeps ? submission : undefined;
  return { session, command: { kind: "declined", requestId, draftId, submission: kept, failure } };
}

/** What work costs before its content counts, in the units of `State.work`. */
export function costOf(work: Work): number {
  const submission = anySubmissionOf(work);
  return submission ? draftCost * submission.drafts.length : pieceCost;
}

/** What work submits, or would. */
function anySubmissionOf(work: Work): Submission | undefined {
  if ("command" in work) return submissionOf(work.command);
  return "answer" in work ? work.submission : undefined;
}

function submissionOf(command: Command): Submission | undefined {
  return command.kind === "submit" || command.kind === "declined" ? command.submission : undefined;
}
