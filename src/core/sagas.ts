import type { AnyModel } from "../model/index.ts";
import {
  endOfSaga,
  endsSagas,
  sagaBounds,
  type SagaEnd,
  sagasOf,
  type SagaRun,
  type SagaStatus,
  seenSaga,
  type SeenSaga,
  type WithSagas,
} from "../model/sagas/index.ts";
import type { Failure } from "../protocol/index.ts";
import type { Live } from "./live.ts";
import { Refusal } from "./refusal.ts";

/** A saga of the state, with its id and the number of its steps. */
export interface FoundSaga extends SeenSaga {
  readonly id: string;
  readonly steps: number;
}

/** Which sagas are listed. */
export interface SagaQuery {
  readonly status?: SagaStatus | undefined;
  /** The id after which the page begins. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** How the event that was just applied has ended a saga; undefined: it has ended none. */
export function sagaEndOf(definition: object, { fold }: Live): SagaEnd | undefined {
  if (!endsSagas(definition)) return undefined;
  return fold.state.read((view) => endOfSaga(view as unknown as WithSagas));
}

/** @throws Refusal where the state has no saga of this id. */
export function findSaga(model: AnyModel, live: Live, id: string): FoundSaga {
  const found = read(model, live, ({ sagas: { runs } }) => (Object.hasOwn(runs, id) ? [foundOf(model, runs, id)] : []));
  if (!found[0]) throw new Refusal(noSaga);
  return found[0];
}

/** A page of sagas, in the order of their starts. */
export function listSagas(model: AnyModel, live: Live, { status, after, limit }: SagaQuery): FoundSaga[] {
  return read(model, live, ({ sagas: { runs } }) => {
    const ids = Object.keys(runs);
    const from = after === undefined ? 0 : ids.indexOf(after) + 1;
    const found: FoundSaga[] = [];
    for (let at = from; at < ids.length && found.length < Math.min(limit, sagaBounds.pageMax); at++) {
      const id = ids[at]!;
      if (status === undefined || runs[id]!.status === status) found.push(foundOf(model, runs, id));
    }
    return found;
  });
}

function foundOf(model: AnyModel, runs: WithSagas["sagas"]["runs"], id: string): FoundSaga {
  const { state, ...run } = seenSaga(JSON.parse(JSON.stringify(runs[id])) as SagaRun) as SeenSaga;
  const steps = sagasOf(model).find(({ name }) => name === run.saga)?.steps.length ?? 0;
  return { id, state, steps, ...run };
}

/** @throws Refusal where the state cannot be read now. */
function read<T>(model: AnyModel, { fold }: Live, body: (state: WithSagas) => T[]): T[] {
  if (sagasOf(model).length === 0) return [];
  fold.assertSound();
  return fold.state.read((view) => body(view as unknown as WithSagas));
}

const noSaga: Failure = { code: "not_found", detail: "There is no saga of this id here, or it is forgotten." };
