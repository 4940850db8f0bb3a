import type { AnyModel } from "../model/index.ts";
import { endOfSaga, endsSagas, sagaBounds, type SagaEnd, sagasOf, type WithSagas } from "../model/sagas/index.ts";
import type { Live } from "./live.ts";

/** How the event that was just applied has ended a saga; undefined: it has ended none. */
export function sagaEndOf(definition: object, { fold }: Live): SagaEnd | undefined {
  if (!endsSagas(definition)) return undefined;
  return fold.state.read((view) => endOfSaga(view as unknown as WithSagas));
}

/** The most that open sagas can need of a state to end, in bytes. */
export const reservedMax = sagaBounds.openMax * sagaBounds.progressBytes;

/** What the open sagas of the state need to end, in bytes. */
export function reservedIn(model: AnyModel, { fold }: Live): number {
  if (sagasOf(model).length === 0) return 0;
  return fold.state.read((view) => (view as unknown as WithSagas).sagas.open) * sagaBounds.progressBytes;
}
