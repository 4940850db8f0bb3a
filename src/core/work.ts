import type { Failure } from "../protocol/index.ts";
import type { Command, Draft } from "./commands.ts";
import type { Author, Outcome } from "./effects.ts";
import type { Session } from "./session.ts";

/** Something to be done in a window: a command of a connection, or a draft that waits for its outcome elsewhere. */
export type Work = Asked | Submitted;

/** A command, answered through its session. */
export interface Asked {
  readonly session: Session;
  readonly command: Command;
}

/** A draft without a connection, as it comes over HTTP. */
export interface Submitted {
  readonly author: Author;
  readonly clientId: string;
  readonly draft: Draft;
  /** Set where it did not fit into the queue: why it is refused instead. */
  readonly refused?: Failure;
  answer(outcome: Outcome): void;
}

/** Whether work may write; a window without such work opens no transaction, and so creates no storage. */
export function mayWrite(work: Work): boolean {
  return !("command" in work) || work.command.kind === "submit" || work.command.kind === "batch";
}
