import type { ReduceContext } from "../define.ts";
import type { JsonObject } from "../../protocol/index.ts";
import { sagaBounds } from "./bounds.ts";
import type { AnySaga } from "./define.ts";
import { idsOf } from "./ids.ts";
import { chargeOf, release, take } from "./room.ts";
import type { SagaProblem, SagaRun, Sagas } from "./state.ts";

/** What became of an action. */
export type Result = { readonly accepted: true } | { readonly accepted: false; code: string; detail: string };

/** A saga of the state, with its definition and the time of the event that moves it. */
export interface Move {
  readonly sagas: Sagas;
  readonly saga: AnySaga;
  readonly id: string;
  readonly run: SagaRun;
  readonly now: number;
  readonly context: ReduceContext;
}

/** What a saga begins with. */
export interface Beginning extends Omit<Move, "run"> {
  readonly input: JsonObject;
  readonly author: string | undefined;
}

/** The code of a problem whose result is not known. */
export const unanswered = "unanswered";

export function begin({ input, author, ...given }: Beginning): void {
  const { sagas, saga, id, now, context } = given;
  const charge = chargeOf(id, input);
  idsOf(sagas, context).add(id);
  sagas.runs[id] = {
    saga: saga.name,
    input,
    ...(author === undefined ? {} : { author }),
    charge,
    startedAt: now,
    status: "RUNNING",
    step: 0,
    fence: 0,
    attempt: 0,
    asks: 0,
  };
  take(sagas, author, charge);
  act({ ...given, run: sagas.runs[id] }, 0, false);
}

/** Goes on after the result of the present action. */
export function goOn(move: Move, result: Result): void {
  const { run, saga } = move;
  const turned = run.problem !== undefined;
  if (result.accepted) {
    if (run.undo) undoFrom(move, run.step - 1);
    // Its answer came too late: it is done, so it is undone.
    else if (turned && saga.steps[run.step]!.compensate) undoFrom(move, run.step);
    else goForward(move);
    return;
  }
  if (turned && !run.undo) undoFrom(move, run.step - 1);
  else if (run.attempt < retriesOf(move)) pause(move);
  else if (run.undo) fail(move, problemOf(run.step, result));
  else {
    run.problem = problemOf(run.step, result);
    undoFrom(move, run.step - 1);
  }
}

/** Begins the next step. The saga may have been about to turn round: but what cannot be undone is done now. */
function goForward(move: Move): void {
  const { run, saga } = move;
  run.status = "RUNNING";
  delete run.problem;
  if (run.step + 1 < saga.steps.length) act(move, run.step + 1, false);
  else end(move, "COMPLETED");
}

/** Goes on when the time of the present attempt, or of the pause before it, is over. */
export function takeOver(move: Move): void {
  const { run } = move;
  if (run.pauses) {
    delete run.pauses;
    run.asks = 0;
    send(move);
    return;
  }
  const problem = { step: run.step, code: unanswered, detail: `There was no answer to ${run.asks} attempts.` };
  const turned = run.problem !== undefined;
  // Nothing is undone as long as it is not known whether it is done: it is asked for once more, under the same key.
  if (!turned && run.asks > retriesOf(move)) {
    run.problem = problem;
    run.status = "COMPENSATING";
  }
  if (run.asks < sagaBounds.asksMax) send(move);
  else fail(move, problem);
}

/** Asks for the result of the present action again, under its key. */
export function resume(move: Move): void {
  stir(move);
  send(move);
}

/** Attempts the present action, which was rejected, again. */
export function retry(move: Move): void {
  stir(move);
  move.run.attempt++;
  send(move);
}

/** Goes on as if the present action needed nothing more. */
export function skip(move: Move): void {
  stir(move);
  undoFrom(move, move.run.step - 1);
}

function stir({ run }: Move): void {
  run.status = "COMPENSATING";
  run.asks = 0;
  delete run.failure;
}

/** Begins to do or undo a step. */
function act(move: Move, step: number, undo: boolean): void {
  const { run } = move;
  run.step = step;
  run.attempt = 0;
  run.asks = 0;
  if (undo) run.undo = true;
  send(move);
}

/** Undoes the steps from this one down, the last one first. */
function undoFrom(move: Move, from: number): void {
  let step = from;
  while (step >= 0 && !move.saga.steps[step]!.compensate) step--;
  if (step < 0) {
    end(move, "COMPENSATED");
    return;
  }
  move.run.status = "COMPENSATING";
  act(move, step, true);
}

function send({ run, saga, sagas, id, now }: Move): void {
  const { timeoutMs = sagaBounds.timeoutMs } = saga.steps[run.step]!;
  run.fence++;
  run.asks++;
  run.until = now + timeoutMs * 2 ** Math.min(run.asks - 1, sagaBounds.asksDoubleMax);
  sagas.moved = id;
}

function pause({ run, sagas, id, now }: Move): void {
  run.until = now + Math.min(sagaBounds.pauseMs * 2 ** run.attempt, sagaBounds.pauseMsMax);
  run.attempt++;
  run.pauses = true;
  run.fence++;
  sagas.moved = id;
}

function fail({ run, sagas, id }: Move, failure: SagaProblem): void {
  run.status = "FAILED";
  run.failure = failure;
  run.fence++;
  delete run.until;
  sagas.moved = id;
}

function end(move: Move, status: "COMPLETED" | "COMPENSATED"): void {
  const { run, sagas, id, now } = move;
  run.status = status;
  run.endedAt = now;
  delete run.until;
  sagas.moved = id;
  release(sagas, run);
  keep(move);
}

/** Keeps a saga that has ended, and forgets the oldest ones where they are too many, or take too much. */
function keep({ run, sagas, id, context }: Move): void {
  const ids = idsOf(sagas, context);
  if (sagas.last === undefined) sagas.first = id;
  else sagas.runs[sagas.last]!.next = id;
  sagas.last = id;
  sagas.ended++;
  // It was started by an earlier version, and not charged yet.
  run.charge ??= chargeOf(id, run.input);
  let bytes = (sagas.endedBytes ?? 0) + run.charge;
  // The newest one stays, whatever it takes: the input of one that an earlier version has started had no bound.
  while (sagas.first !== id && (sagas.ended > sagaBounds.endedMax || bytes > sagaBounds.endedBytesMax)) {
    const oldest = sagas.first!;
    const { next, charge = 0 } = sagas.runs[oldest]!;
    ids.remove(oldest);
    delete sagas.runs[oldest];
    sagas.first = next!;
    sagas.ended--;
    bytes -= charge;
  }
  sagas.endedBytes = bytes;
}

/** A rejection as it is kept: who rejects may say more than the state has room for. */
function problemOf(step: number, { code, detail }: { code: string; detail: string }): SagaProblem {
  return {
    step,
    code: code.slice(0, sagaBounds.problemCodeLengthMax).toWellFormed(),
    detail: detail.slice(0, sagaBounds.problemDetailLengthMax).toWellFormed(),
  };
}

function retriesOf({ saga, run }: Move): number {
  return saga.steps[run.step]!.retries ?? 0;
}
