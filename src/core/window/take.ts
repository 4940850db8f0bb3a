import type { ErrorCode, Problem, Author } from "../../protocol/index.ts";
import { type Command, type ReadCommand, type SubmitCommand, submits } from "../commands.ts";
import { connect, renew, sync } from "../delivery/connect.ts";
import { decide, decideBatch } from "../decide/decide.ts";
import type { BatchOutcome, ConnectedClient, Effect, Outcome } from "../replies.ts";
import { problemOf, Refusal } from "../refusal.ts";
import { type Scene, traced, type WriteScene } from "./scene.ts";
import { notConnected, type Session } from "../delivery/session.ts";
import type { Window } from "./window.ts";
import { type ReadWork, traceIdOf, type Work } from "./work.ts";

/** Does one piece of a window's work. What it throws takes the window with it. */
export function take(scene: WriteScene, work: Work): void {
  const { window } = scene;
  if ("command" in work) {
    const { session, command } = work;
    if (!submits(command)) {
      answer(scene, { session, command });
      return;
    }
    window.touch(session);
    try {
      assertNotOver(session, scene.now);
      takeSubmit(scene, session, command);
    } catch (error) {
      refuseThrown(scene, work, error);
    }
    return;
  }
  const { author, clientId } = work;
  const traceId = traceIdOf(work);
  const own = traceId === undefined ? scene : traced(scene, traceId);
  if (work.refused) refuse(window, work, problemOf(work.refused, own));
  else if ("draft" in work) window.answer(work, decide(own, author, clientId, work.draft));
  else window.answer(work, decideBatch(own, author, clientId, work.batch));
}

/** Does one piece of work that writes nothing. What it throws takes the window with it. */
export function answer(scene: Scene, work: ReadWork): void {
  scene.window.touch(work.session);
  try {
    assertNotOver(work.session, scene.now);
    answerCommand(scene, work.session, work.command);
  } catch (error) {
    refuseThrown(scene, work, error);
  }
}

function refuseThrown(scene: Scene, work: Work, error: unknown): void {
  if (!(error instanceof Refusal)) throw error;
  refuse(scene.window, work, problemOf(error.failure, scene));
}

/** Answers work by a problem, without doing it. */
export function refuse(window: Window, work: Work, problem: Problem): void {
  if (!("command" in work)) {
    const answer = work.answer as (outcome: { kind: "refused"; problem: Problem }) => void;
    window.answer({ answer }, { kind: "refused", problem });
    return;
  }
  const { session, command } = work;
  window.touch(session);
  const draftId = draftIdOf(command);
  if (draftId !== undefined && command.kind !== "unreadable" && session.state.client)
    session.settle(draftId, problem.code);
  session.reply({ kind: "error", requestId: command.requestId, draftId, problem });
}

/** @throws Refusal where the command is answered by an error. */
function answerCommand(scene: Scene, session: Session, command: ReadCommand): void {
  switch (command.kind) {
    case "unreadable":
    case "overflow":
    case "refused":
      throw new Refusal(command.failure);
    case "heartbeat":
      session.reply({ kind: "heartbeat", requestId: command.requestId, now: scene.now });
      return;
    case "connect":
      connect(scene, session, command);
      return;
    case "renew":
      renew(scene, session, command);
      return;
    case "ack":
      connected(session);
      session.acknowledge(command.eventId);
      return;
    case "sync":
      sync(scene, session, connected(session), command);
      return;
    case "hash": {
      connected(session);
      const { live, ports, now } = scene;
      live.fold.assertSound();
      const sha256 = live.fold.hash(ports.sha256);
      session.reply({ kind: "hash", requestId: command.requestId, now, eventIndex: live.head.eventId, sha256 });
      return;
    }
  }
}

/** @throws Refusal where the command is answered by an error. */
function takeSubmit(scene: WriteScene, session: Session, command: SubmitCommand): void {
  switch (command.kind) {
    case "submit": {
      const { clientId } = connected(session);
      const { draftId } = command.draft;
      assertNotHeldBack(session, draftId);
      const outcome = decide(scene, authorOf(session), clientId, command.draft);
      session.settle(draftId, outcome.kind === "refused" ? outcome.problem.code : undefined);
      session.reply(effectOf(command.requestId, draftId, outcome));
      return;
    }
    case "batch": {
      const { clientId } = connected(session);
      const { batchId } = command.batch;
      assertNotHeldBack(session, batchId);
      const outcome = decideBatch(scene, authorOf(session), clientId, command.batch);
      session.settle(batchId, openCode(outcome));
      if (outcome.kind === "decided") session.reply({ kind: "batch", batchId, verdict: outcome.verdict });
      else session.reply({ kind: "error", requestId: command.requestId, draftId: batchId, problem: outcome.problem });
      return;
    }
  }
}

/** A token is good for what comes before it expires, or is revoked. */
function assertNotOver(session: Session, now: number): void {
  const over = session.over(now);
  if (over) throw new Refusal(over);
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

function assertNotHeldBack(session: Session, draftId: string): void {
  const heldBack = session.heldBack(draftId);
  if (heldBack) throw new Refusal(heldBack);
}

/** Why a batch has to come again, if so: it was refused, or one of its drafts was, and those after it are open. */
function openCode(outcome: BatchOutcome): ErrorCode | undefined {
  if (outcome.kind === "refused") return outcome.problem.code;
  const open = outcome.verdict.results.find((result) => result.kind === "not_processed" && result.problem);
  return open?.kind === "not_processed" ? open.problem?.code : undefined;
}

function effectOf(requestId: string, draftId: string, outcome: Outcome): Effect {
  if (outcome.kind === "accepted") return { kind: "accepted", event: outcome.event };
  if (outcome.kind === "rejected") return { kind: "rejected", draftId, rejection: outcome.rejection };
  return { kind: "error", requestId, draftId, problem: outcome.problem };
}

function draftIdOf(command: Command): string | undefined {
  if (command.kind === "submit") return command.draft.draftId;
  if (command.kind === "batch") return command.batch.batchId;
  return command.kind === "unreadable" || command.kind === "overflow" ? command.draftId : undefined;
}
