import type { Author, ErrorCode, Failure, TracedFailure } from "../../protocol/index.ts";
import type { Command, ReadCommand, Submission, SubmitCommand } from "../commands.ts";
import { assertAuthorized } from "../delivery/access.ts";
import { authorOfConnect, connect, follow, renew, stateChunk, sync } from "../delivery/connect.ts";
import { decide, decline } from "../decide/decide.ts";
import type { ConnectedClient, Outcome } from "../replies.ts";
import { traceFailure, Refusal } from "../refusal.ts";
import { costOfBytes } from "../cost.ts";
import { type WindowContext, traced, type WriteContext } from "./context.ts";
import { tokenExpired } from "../delivery/endings.ts";
import { knownFailureOf } from "../failures.ts";
import type { Listener } from "../delivery/listener.ts";
import { bytesRead } from "../delivery/read-cost.ts";
import { notConnected, type Session } from "../delivery/session.ts";
import { pull } from "../delivery/subscription.ts";
import type { Window } from "./window.ts";
import { onlyReads, type Pull, type ReadWork, traceIdOf, type Work } from "./work.ts";

type Declined = Extract<Command, { kind: "declined" }>;

/** Does one piece of a window's work. If it throws, the whole window is rolled back. */
export function handle(context: WriteContext, work: Work): void {
  const { window } = context;
  const own = traced(context, traceIdOf(work));
  if ("command" in work) {
    const { session, command } = work;
    if (command.kind !== "submit") {
      handleRead(context, { session, command });
      return;
    }
    window.touch(session);
    try {
      assertNotEnded(session, context.now);
      submit(own, session, command);
    } catch (error) {
      refuseThrown(own, work, error);
    }
    return;
  }
  if (onlyReads(work)) {
    handleRead(context, work);
    return;
  }
  const { author, clientId, submission } = work;
  const failure = tokenFailure(author, own);
  if (failure) refuse(window, work, traceFailure(failure, own));
  else if ("timer" in work) {
    const outcome = own.causing!.fire(own, work.timer, () => decide(own, author, clientId, submission));
    if (outcome) window.answer(work, outcome);
  } else window.answer(work, decide(own, author, clientId, submission));
}

/** Does one piece of work that writes nothing. If it throws, the whole window is rolled back. */
export function handleRead(context: WindowContext, work: ReadWork): void {
  const own = traced(context, traceIdOf(work));
  const { window } = context;
  if ("declined" in work) {
    const { author, submission, declined } = work;
    const failure = tokenFailure(author, own);
    if (failure || !submission) refuse(window, work, traceFailure(failure ?? declined, own));
    else window.answer(work, decline(own, author, submission, declined));
    return;
  }
  window.touch(listenerOf(work));
  try {
    if ("subscription" in work) answerPull(own, work);
    else {
      assertNotEnded(work.session, context.now);
      answerMetered(own, work.session, work.command);
    }
  } catch (error) {
    refuseThrown(own, work, error);
  }
}

function refuseThrown(context: WindowContext, work: Work, error: unknown): void {
  const failure = knownFailureOf(error, context);
  if (!failure) throw error;
  refuse(context.window, work, traceFailure(failure, context));
}

/**
 * Returns why a token that was verified before the work waited is not valid any more, or undefined. The server itself has
 * none: where its name is revoked, a timer that is due would neither fire nor wait.
 */
function tokenFailure(author: Author, { now, refusalOf }: WindowContext): Failure | undefined {
  if (author.system) return undefined;
  if (author.expiresAt !== undefined && author.expiresAt <= now) return tokenExpired;
  return refusalOf(author);
}

/** Answers work by a failure, without doing it. */
export function refuse(window: Window, work: Work, failure: TracedFailure): void {
  if ("answer" in work) {
    window.answer(work, { kind: "refused", failure });
    return;
  }
  window.counts.refused(failure.code);
  window.touch(listenerOf(work));
  if ("subscription" in work) {
    work.subscription.end(failure);
    return;
  }
  const { session, command } = work;
  const draftId = draftIdOf(command);
  if (draftId !== undefined && command.kind !== "unreadable" && session.state.client)
    session.updateHold(draftId, failure.code);
  session.reply({ kind: "error", requestId: command.requestId, draftId, failure });
}

function listenerOf(work: Exclude<Work, { answer: unknown }>): Listener {
  return "subscription" in work ? work.subscription : work.session;
}

/** @throws Refusal where the subscription ends instead. */
function answerPull(context: WindowContext, { subscription, refused }: Pull): void {
  if (refused) throw new Refusal(refused);
  pull(context, subscription);
}

/**
 * Answers a command, and has its principal pay for what it has read.
 *
 * @throws Refusal where the command is answered by an error.
 */
function answerMetered(context: WindowContext, session: Session, command: ReadCommand): void {
  const { limiter, now } = context;
  const reader = readerOf(session, command);
  if (reader === undefined) {
    answerCommand(context, session, command);
    return;
  }
  const excess = limiter.readExcess(reader, now);
  if (excess) throw new Refusal(excess);
  const before = session.replies.length;
  try {
    answerCommand(context, session, command);
  } finally {
    const bytes = bytesRead(session.replies.slice(before));
    context.window.work += costOfBytes(bytes);
    limiter.read(reader, bytes, now);
  }
}

/** The principal that reads the log or the state by this command; undefined: nothing is read. */
function readerOf({ state }: Session, command: ReadCommand): string | undefined {
  switch (command.kind) {
    case "sync":
    case "state_chunk":
    case "hash":
      return state.client && state.author?.principal;
    case "connect":
      if (!command.initialState && command.sinceEventId === undefined) return undefined;
      return state.client ? undefined : authorOfConnect(state, command)?.principal;
    default:
      return undefined;
  }
}

/** @throws Refusal where the command is answered by an error. */
function answerCommand(context: WindowContext, session: Session, command: ReadCommand): void {
  switch (command.kind) {
    case "declined":
      declineCommand(context, session, command);
      return;
    case "unreadable":
    case "refused":
      throw new Refusal(command.failure);
    case "heartbeat":
      session.reply({ kind: "heartbeat", requestId: command.requestId, now: context.now });
      return;
    case "connect":
      connect(context, session, command);
      return;
    case "renew":
      renew(context, session, command);
      return;
    case "ack":
      connected(session);
      session.cursor.acknowledge(command.eventId);
      return;
    case "sync":
      sync(context, session, connected(session), command);
      return;
    case "follow":
      follow(context, session);
      return;
    case "state_chunk":
      connected(session);
      stateChunk(context, session, command);
      return;
    case "hash": {
      connected(session);
      const { live, ports, now } = context;
      assertAuthorized(context, live, authorOf(session));
      const hash = live.hash.read(live.fold, live.head.eventId, ports, now);
      session.reply({ kind: "hash", requestId: command.requestId, now, ...hash });
      return;
    }
  }
}

/** @throws Refusal where the command is answered by an error. */
function submit(context: WriteContext, session: Session, { requestId, submission }: SubmitCommand): void {
  const { clientId } = connected(session);
  const author = authorOf(session);
  const heldBack = session.heldBack(submission.key);
  const outcome = heldBack
    ? decline(context, author, submission, heldBack)
    : decide(context, author, clientId, submission);
  answerSubmission(context.window, session, { requestId, submission, outcome });
}

/** @throws Refusal where the command is answered by an error. */
function declineCommand(context: WindowContext, session: Session, command: Declined): void {
  const { requestId, submission, failure } = command;
  if (!submission) throw new Refusal(failure);
  connected(session);
  const outcome = decline(context, authorOf(session), submission, session.heldBack(submission.key) ?? failure);
  answerSubmission(context.window, session, { requestId, submission, outcome });
}

interface Answered {
  readonly requestId: string | undefined;
  readonly submission: Submission;
  readonly outcome: Outcome;
}

function answerSubmission(window: Window, session: Session, { requestId, submission, outcome }: Answered): void {
  const { key, mode } = submission;
  window.counts.outcome(outcome);
  session.updateHold(key, openCode(submission, outcome));
  if (outcome.kind === "decided") {
    const { verdict, replayed } = outcome;
    session.reply({ kind: "decided", key, mode, verdict, replayed });
  } else session.reply({ kind: "error", requestId, draftId: key, failure: outcome.failure });
}

/** @throws Refusal where the session has ended, or its token has expired. */
function assertNotEnded(session: Session, now: number): void {
  const ending = session.endingAt(now);
  if (ending) throw new Refusal(ending);
}

function connected(session: Session): ConnectedClient {
  const { client } = session.state;
  if (!client) {
    throw new Refusal(notConnected);
  }
  return client;
}

/** Who is connected: known as soon as `connect` was answered. */
function authorOf(session: Session): Author {
  return session.state.author!;
}

/** Why a submission has to come again, if so: it was refused, or one of its drafts was, and those after it are open. */
function openCode({ resumes }: Submission, outcome: Outcome): ErrorCode | undefined {
  if (outcome.kind === "refused") return outcome.failure.code;
  const { results } = outcome.verdict;
  if (resumes && results[0]!.kind !== "not_processed") return undefined;
  for (const result of results) {
    if (result.kind === "not_processed" && result.failure) return result.failure.code;
  }
  return undefined;
}

function draftIdOf(command: Command): string | undefined {
  if (command.kind === "submit") return command.submission.key;
  return command.kind === "unreadable" || command.kind === "declined" ? command.draftId : undefined;
}
