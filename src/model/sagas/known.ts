import type { AnyModel, DeepReadonly } from "../define.ts";
import type { AnySaga } from "./define.ts";
import { isGoing, type SagaStatus, type WithSagas } from "./state.ts";

// What a partition looks up for each event, whether its model has sagas or not: apart from what runs them.

/** The sagas of models, by the definition of their `start`: a spread keeps it. */
const sagasByStart = new WeakMap<object, AnySaga>();

/** The event types that can end a saga, by their definitions. */
const ending = new WeakSet<object>();

export function noteStart(definition: object, saga: AnySaga): void {
  sagasByStart.set(definition, saga);
}

export function noteEnding(definition: object): void {
  ending.add(definition);
}

/** How a saga comes to rest. */
export interface SagaEnd {
  readonly saga: string;
  readonly status: Exclude<SagaStatus, "RUNNING" | "COMPENSATING">;
}

/** Whether events of this definition can end a saga. */
export function endsSagas(definition: object): boolean {
  return ending.has(definition);
}

/** How the event that was just folded, one that can, has ended a saga; undefined: it has ended none. */
export function endOfSaga({ sagas: { moved, runs } }: DeepReadonly<WithSagas>): SagaEnd | undefined {
  const run = moved === undefined ? undefined : runs[moved];
  return run && !isGoing(run) ? { saga: moved!, status: run.status as SagaEnd["status"] } : undefined;
}

/** The sagas whose events a model has. */
export function sagasOf({ events }: AnyModel): AnySaga[] {
  return Object.values<object>(events).flatMap((event) => sagasByStart.get(event) ?? []);
}
