import type { Failure, Author } from "../../protocol/index.ts";
import type { Command, ReadCommand, Submission } from "../commands.ts";
import type { Outcome } from "../replies.ts";
import type { Session } from "../delivery/session.ts";
import type { Subscription } from "../delivery/subscription.ts";

/** Something to be done in a window: a command of a connection, a pull, or a submission that is answered elsewhere. */
export type Work = Asked<Command> | Pull | Submitted;

/** Work that writes nothing. */
export type ReadWork = Asked<ReadCommand> | Pull;

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

/** A submission without a connection, as it comes over HTTP. */
interface Submitted {
  readonly author: Author;
  readonly clientId: string;
  readonly submission: Submission;
  /** The trace id of its failures; undefined: a new one for each. */
  readonly traceId?: string | undefined;
  /** Set where it did not fit into the queue: why it is refused instead. */
  readonly refused?: Failure;
  answer(outcome: Outcome): void;
}

/** The trace id that work has come with; undefined: none. */
export function traceIdOf(work: Work): string | undefined {
  if ("answer" in work) return work.traceId;
  return "subscription" in work ? work.subscription.traceId : work.session.traceId;
}

/** Whether work only reads; a window of such work opens no transaction, and so creates no storage. */
export function onlyReads(work: Work): work is ReadWork {
  return "subscription" in work || ("command" in work && work.command.kind !== "submit");
}
