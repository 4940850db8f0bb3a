/**
 * What an application declares of its events: the same for server and client.
 *
 * @module partita/model
 */
export {
  type Accepted,
  type AnyModel,
  type AuthorsShown,
  type Compensation,
  type DeepReadonly,
  defineModel,
  type EventDefinition,
  internalOnly,
  type InternalIn,
  type Model,
  type ModelDefinition,
  type ModelEvent,
  type Objection,
  type PayloadOf,
  permissionFor,
  type ReduceContext,
  type Transformation,
  type UndoBlock,
  type ValidationContext,
  type Who,
} from "./define.ts";
export {
  defineSaga,
  type EventsWithSagas,
  noSagas,
  sagaIn,
  type SagaOutcome,
  type Saga,
  type SagaAction,
  type SagaAttempt,
  type SagaCall,
  type SagaContext,
  type SagaEvent,
  sagaEvents,
  type SagaEvents,
  type SagaLocal,
  type SagaMessage,
  type SagaMoment,
  type SagaProblem,
  type SagaProgress,
  type SagaReport,
  type SagaRun,
  type SagaShare,
  type Sagas,
  type SagaStart,
  type SagaStatus,
  type SagaStep,
  type SeenSaga,
  withSagas,
  type WithSagas,
} from "./sagas/index.ts";
export { invariantViolations, keyViolation, olderViolations, payloadViolations, ruleViolations } from "./check.ts";
export { schemaError } from "../protocol/index.ts";
export { foldEvent, FoldError, type LoggedEvent, newestVersionOf, upcast } from "./fold.ts";
export { modelFor, type ModelRegistry } from "./registry.ts";
export { type DerivedHost, StateIndex } from "./state-index.ts";
export { State, StateError } from "./state.ts";
