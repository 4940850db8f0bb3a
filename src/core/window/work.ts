import type { Failure, Author } from "../../protocol/index.ts";
import type { Command, ReadCommand, Submission } from "../commands.ts";
import type { Outcome } from "../replies.ts";
import type { Session } from "../delivery/session.ts";

/** Something to be done in a window: a command of a connection, or a submission that is answered elsewhere. */
export type Work = Asked<Command> | Submitted;

/** Work that writes nothing. */
export type ReadWork = Asked<ReadCommand>;

/** A command, answered through its session. */
interface Asked<C extends Command> {
  readonly session: Session;
  readonly command: C;
}

/** A submission without a connection, as it comes over HTTP. */
interface Submitted {
  readonly author: Author;
  readonly clientId: string;
  readonly submission: Submission;
  /** Under which what goes wrong is told; undefined: under a new one. */
  readonly traceId?: string | undefined;
  /** Set where it did not fit into the queue: why it is refused instead. */
  readonly refused?: Failure;
  answer(outcome: Outcome): void;
}

/** The trace id that work has come with; undefined: none. */
export function traceIdOf(work: Work): string | undefined {
  return "command" in work ? work.session.traceId : work.traceId;
}

/** Whether work only reads; a window of such work opens no transaction, and so creates no storage. */
export function onlyReads(work: Work): work is ReadWork {
  return "command" in work && work.command.kind !== "submit";
}
