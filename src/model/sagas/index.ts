export { sagaBounds } from "./bounds.ts";
export {
  defineSaga,
  type Saga,
  type SagaAction,
  type SagaCall,
  type SagaContext,
  type SagaMessage,
  type SagaStep,
} from "./define.ts";
export {
  type SagaAttempt,
  type SagaEvent,
  sagaEvents,
  type SagaEvents,
  type SagaLocal,
  type SagaMoment,
  type SagaProgress,
  type SagaReport,
  type SagaStart,
} from "./events.ts";
export { endOfSaga, endsSagas, type SagaEnd, sagasOf } from "./known.ts";
export { idsOf as sagaIdsOf } from "./ids.ts";
export {
  type EventsWithSagas,
  noSagas,
  sagaIn,
  type SagaOutcome,
  type SagaProblem,
  type SagaRun,
  type SagaShare,
  type Sagas,
  type SagaStatus,
  seenSaga,
  type SeenSaga,
  withSagas,
  type WithSagas,
} from "./state.ts";
