export {
  type AnyModel,
  defineModel,
  type EventDefinition,
  type Model,
  type ModelDefinition,
  type ModelEvent,
  type Objection,
  permissionFor,
  type ReduceContext,
  type ValidationContext,
} from "./define.ts";
export { foldEvent, FoldError, upcast } from "./fold.ts";
export { modelFor, type ModelRegistry } from "./registry.ts";
export { StateIndex } from "./state-index.ts";
export { State, StateError } from "./state.ts";
