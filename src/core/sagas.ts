import type { AnyModel } from "../model/index.ts";
import {
  sagaBounds,
  sagaIdsOf,
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

/** A saga of a page, without its input. */
type ListedSaga = Omit<FoundSaga, "input">;

/** A page of sagas. */
export interface SagaPage {
  readonly sagas: readonly ListedSaga[];
  /** The last id that was looked at; undefined: there is no other one after it. */
  readonly next: string | undefined;
  /** How many were looked at. */
  readonly scanned: number;
}

/** Which sagas are listed. */
export interface SagaQuery {
  readonly status?: SagaStatus | undefined;
  /** The id after which the page begins. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** @throws Refusal where the state has no saga of this id. */
export function findSaga(model: AnyModel, live: Live, id: string): FoundSaga {
  const found = read(model, live, ({ sagas: { runs } }) => {
    const run = Object.hasOwn(runs, id) ? runs[id] : undefined;
    return run && { ...listed(model, id, run), input: JSON.parse(JSON.stringify(run.input)) as SagaRun["input"] };
  });
  if (!found) throw new Refusal(noSaga);
  return found;
}

/** A page of sagas, in the order of their ids. With a status it can have fewer than `limit`, and still a next one. */
export function listSagas(model: AnyModel, live: Live, { status, after, limit }: SagaQuery): SagaPage {
  const most = Math.min(limit, sagaBounds.pageMax);
  const page = read(model, live, ({ sagas }): SagaPage => {
    const { runs } = sagas;
    // One more: whether there is a next page.
    const ids = sagaIdsOf(sagas, live.fold.state.context).after(after, (status ? sagaBounds.pageScannedMax : most) + 1);
    const found: ListedSaga[] = [];
    let scanned = 0;
    while (scanned < Math.min(ids.length, sagaBounds.pageScannedMax) && found.length < most) {
      const id = ids[scanned++]!;
      if (status === undefined || runs[id]!.status === status) found.push(listed(model, id, runs[id]!));
    }
    return { sagas: found, next: scanned < ids.length ? ids[scanned - 1] : undefined, scanned };
  });
  return page ?? { sagas: [], next: undefined, scanned: 0 };
}

function listed(model: AnyModel, id: string, run: SagaRun): ListedSaga {
  const { input: _, problem, failure, state, ...fields } = seenSaga(run);
  const steps = sagasOf(model).find(({ name }) => name === run.saga)?.steps.length ?? 0;
  // Copied: they are parts of a view.
  const problems = { ...(problem && { problem: { ...problem } }), ...(failure && { failure: { ...failure } }) };
  return { id, state, steps, ...fields, ...problems };
}

/** Undefined: the model has no sagas. @throws Refusal where the state cannot be read now. */
function read<T>(model: AnyModel, { fold }: Live, body: (state: WithSagas) => T): T | undefined {
  if (sagasOf(model).length === 0) return undefined;
  fold.assertSound();
  return fold.state.read((view) => body(view as unknown as WithSagas));
}

const noSaga: Failure = { code: "not_found", detail: "There is no saga of this id here, or it is forgotten." };
