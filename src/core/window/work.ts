import type { Failure, Author } from "../../protocol/index.ts";
import { type Batch, type Command, type Draft, type ReadCommand, submits } from "../commands.ts";
import type { BatchOutcome, Outcome } from "../replies.ts";
import type { Session } from "../delivery/session.ts";

/** Something to be done in a window: a command of a connection, or a draft or batch that waits for its outcome elsewhere. */
export type Work = Asked<Command> | Submitted | SubmittedBatch;

/** Work that writes nothing. */
export type ReadWork = Asked<ReadCommand>;

/** A command, answered through its session. */
interface Asked<C extends Command> {
  readonly session: Session;
  readonly command: C;
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

/** Whether work only reads; a window of such work opens no transaction, and so creates no storage. */
export function onlyReads(work: Work): work is ReadWork {
  return "command" in work && !submits(work.command);
}
