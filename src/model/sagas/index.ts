export {
  defineSaga,
  sagaBounds,
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
  sagasOf,
  type SagaEvents,
  type SagaLocal,
  type SagaMoment,
  type SagaProgress,
  type SagaReport,
  type SagaStart,
} from "./events.ts";
export {
  type EventsWithSagas,
  noSagas,
  type SagaProblem,
  type SagaRun,
  type Sagas,
  type SagaStatus,
  withSagas,
  type WithSagas,
} from "./state.ts";
