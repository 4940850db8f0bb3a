import type { Failure, Author } from "../../protocol/index.ts";
import type { Batch, Command, Draft } from "../commands.ts";
import type { BatchOutcome, Outcome } from "../replies.ts";
import type { Session } from "../delivery/session.ts";

/** Something to be done in a window: a command of a connection, or a draft or batch that waits for its outcome elsewhere. */
export type Work = Asked | Submitted | SubmittedBatch;

/** A command, answered through its session. */
interface Asked {
  readonly session: Session;
  readonly command: Command;
}

/** Work without a connection, as it comes over HTTP. */
interface Waiting<Answer> {
  readonly author: Author;
  readonly clientId: string;
  /** Under which what goes wrong is told; undefined: under a new one. */
  readonly traceId?: string | undefined;
  /** Set where it did not fit into the queue: why it is refused instead. */
  readonly refused?: Failure;
  answer(outcome: Answer): void;
}

interface Submitted extends Waiting<Outcome> {
  readonly draft: Draft;
}

interface SubmittedBatch extends Waiting<BatchOutcome> {
  readonly batch: Batch;
}

/** The trace id that work has come with; undefined: none. */
export function traceIdOf(work: Work): string | undefined {
  return "command" in work ? undefined : work.traceId;
}

/** Whether work may write; a window without such work opens no transaction, and so creates no storage. */
export function mayWrite(work: Work): boolean {
  return !("command" in work) || work.command.kind === "submit" || work.command.kind === "batch";
}
