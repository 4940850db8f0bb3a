/**
 * A hook for the sagas of a partition.
 *
 * @module partita/react/sagas
 */
"use client";

import { type DeepReadonly, sagaIn, type SeenSaga, type WithSagas } from "../model/index.ts";

/** What it needs of the hooks of a model whose state has sagas. */
interface HooksWithSagas {
  usePartition<T>(selector: (state: DeepReadonly<WithSagas>) => T): T;
}

/**
 * Makes `useSaga` of the hooks of a model with sagas: it returns a saga of the state, with what became of it, and the
 * component renders again when that changes. A saga is there as soon as its start is submitted. Undefined: there is none of
 * this id, or it is forgotten.
 *
 * @example
 * const useSaga = createSagaHook(createPartitionHooks<typeof bank>());
 * function Transfer({ id }: { id: string }) {
 *   const saga = useSaga(id);
 *   return <p>{saga?.state === "failed" ? saga.problem?.detail : saga?.state}</p>;
 * }
 */
export function createSagaHook({ usePartition }: HooksWithSagas): (id: string) => DeepReadonly<SeenSaga> | undefined {
  return function useSaga(id) {
    return usePartition((state) => sagaIn(state, id));
  };
}
