// What a Worker and its tests share: declarations that need no platform. `partita` has them in Node, too.
export {
  type CancelEffect,
  defineEffects,
  type Effect,
  type EffectAccepted,
  type EffectContext,
  type EffectFunction,
  type EffectFunctions,
  type EffectRejected,
  type Effects,
  type QueueEffect,
  type ScheduleEffect,
  type SubmitEffect,
  type SubmittedStep,
  type WebhookEffect,
} from "./model/effects.ts";
export { sagaEffects, type SagaEffects, type SagaMoving } from "./model/sagas/effects.ts";
export {
  defineModel,
  type EventDefinition,
  type Model,
  type ModelDefinition,
  type ModelEvent,
  type ModelRegistry,
  type Objection,
  type ReduceContext,
  type ValidationContext,
} from "./model/index.ts";
export {
  type BatchWrite,
  type EventsRead,
  type PartitionWriter,
  ReadRefused,
  type StateRead,
  type WriteOptions,
  type Written,
  type WrittenBatch,
  type WrittenMember,
} from "./shell/writer.ts";
export { defaultLimits, type Limits, perMinute, type Rate } from "./protocol/index.ts";
