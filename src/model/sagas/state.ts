import type * as z from "zod/mini";
import type { DeepReadonly, EventDefinition, Model } from "../define.ts";
import type { JsonObject } from "../../protocol/index.ts";

/**
 * `RUNNING` and `COMPENSATING`: it goes on. `COMPLETED`: all steps are done. `COMPENSATED`: none is, because one could not be
 * done: it has failed, and nothing is left of it. `FAILED`: it stands still, until somebody resumes, retries or skips.
 */
export type SagaStatus = "RUNNING" | "COMPENSATING" | "COMPLETED" | "COMPENSATED" | "FAILED";

/** Why a saga does not complete. */
export type SagaProblem = {
  /** The step that it is about, from 0. */
  step: number;
  /** The code of the rejection; `unanswered`: its result is not known. */
  code: string;
  detail: string;
};

/** What the state has of one saga. */
export type SagaRun = {
  /** The name of its definition. */
  saga: string;
  input: JsonObject;
  /** Who started it, where the model shows its authors. */
  author?: string;
  /** What it is charged of the memory of the state, in bytes. */
  charge?: number;
  /** Milliseconds since 1970. */
  startedAt: number;
  status: SagaStatus;
  /** The step that is being done, or compensated, from 0. */
  step: number;
  /** Whether the present action undoes that step. */
  undo?: boolean;
  /** The number of what was sent last: an answer to anything before it counts for nothing. */
  fence: number;
  /** How often this action was rejected and attempted again: each time under another key. */
  attempt: number;
  /** How often it was sent under its present key. */
  asks: number;
  /** Until when nobody else goes on with it: the next attempt begins then. Milliseconds since 1970. */
  until?: number;
  /** Whether it pauses before its next attempt: nothing is under way then. */
  pauses?: boolean;
  /** Why it does not complete. */
  problem?: SagaProblem;
  /** Why its compensation stands still. */
  failure?: SagaProblem;
  /** Milliseconds since 1970. */
  endedAt?: number;
  /** The saga that ended after it. */
  next?: string;
};

/** The open sagas of one author. */
export type SagaShare = {
  open: number;
  /** What they are charged, in bytes. */
  bytes: number;
};

/** The sagas of a partition. */
export type Sagas = {
  runs: { [id: string]: SagaRun };
  /** How many have not ended, with those that have failed. */
  open: number;
  /** How many are kept that have ended; the first and the last of them. */
  ended: number;
  /** What those are charged that have not ended, and those that have, in bytes. States of earlier versions have neither. */
  bytes?: number;
  endedBytes?: number;
  /** What of the open ones belongs to each author, by `authorKey`. */
  shares?: { [key: string]: SagaShare };
  first?: string;
  last?: string;
  /** The saga that the newest event of a saga has moved, for its effects. */
  moved?: string;
};

/** The part of a state that sagas need. */
export interface WithSagas {
  sagas: Sagas;
}

/**
 * What `initialState` of a model with sagas has: `initialState: () => ({ …, ...noSagas() })`.
 */
export function noSagas(): WithSagas {
  return { sagas: { runs: {}, open: 0, ended: 0 } };
}

/** The events of a model, in a state that has sagas too. */
export type EventsWithSagas<S extends object, P extends Record<string, z.core.$ZodType>, Internal extends string> = {
  [Type in keyof P]: Omit<EventDefinition<S & WithSagas, P[Type], P>, "internal"> &
    (Type extends Internal ? { internal: true } : unknown);
};

/**
 * A model that gets sagas: its initial state with `noSagas()`, and its events for that state.
 *
 * @example
 * const bank = defineModel({
 *   ...ledger,
 *   ...withSagas(ledger),
 *   name: "bank",
 *   events: { ...withSagas(ledger).events, ...sagaEvents(transfer) },
 * });
 */
export function withSagas<S extends object, P extends Record<string, z.core.$ZodType>, Internal extends string>(
  model: Model<S, P, Internal>,
): { initialState: () => S & WithSagas; events: EventsWithSagas<S, P, Internal> } {
  return {
    initialState: () => ({ ...model.initialState(), ...noSagas() }),
    events: model.events as unknown as EventsWithSagas<S, P, Internal>,
  };
}

/** Whether it goes on by itself. */
export function isGoing({ status }: Pick<SagaRun, "status">): boolean {
  return status === "RUNNING" || status === "COMPENSATING";
}

/** What became of a saga, for who has only to know that. `failed`: `COMPENSATED` or `FAILED`. */
export type SagaOutcome = "in_progress" | "succeeded" | "failed";

/** A saga as its readers see it. */
export type SeenSaga = Omit<SagaRun, "next" | "charge"> & {
  /** What became of it. */
  state: SagaOutcome;
};

/** @internal */
export function seenSaga(given: DeepReadonly<SagaRun>): DeepReadonly<SeenSaga> {
  const { next: _, charge: __, ...run } = given;
  return { state: outcomeOf(run.status), ...run };
}

function outcomeOf(status: SagaStatus): SagaOutcome {
  if (status === "COMPLETED") return "succeeded";
  return status === "COMPENSATED" || status === "FAILED" ? "failed" : "in_progress";
}

/**
 * A saga of a state, with what became of it; undefined: there is none of this id, or it is forgotten. For selectors of
 * clients: a saga is in their state at once.
 *
 * @example
 * const state = select(client, (state) => sagaIn(state, "t-1")?.state);
 */
export function sagaIn({ sagas: { runs } }: DeepReadonly<WithSagas>, id: string): DeepReadonly<SeenSaga> | undefined {
  const run = Object.hasOwn(runs, id) ? runs[id] : undefined;
  return run && seenSaga(run);
}
