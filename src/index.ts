/**
 * Everything that a Worker needs to be the authority of its partitions.
 *
 * @module partita
 */
import type * as z from "zod/mini";
import { defaultLimits, type JsonObject, type Limits } from "./protocol/index.ts";
import { edge } from "./edge/app.ts";
import type { Edge } from "./edge/env.ts";
import type { Roles } from "./shell/author.ts";
import { assertServed, type Effects } from "./model/effects.ts";
import type { ModelRegistry } from "./model/index.ts";
import { assertSound } from "./model/mistakes.ts";
import type { CourierRpc } from "./objects/courier-calls.ts";
import { courierObject } from "./objects/courier.ts";
import type { CourierEnv, ObjectClass, PartitionEnv, TenantEnv } from "./objects/environments.ts";
import type { MetricsRpc } from "./objects/metrics-calls.ts";
import { MetricsObject } from "./objects/metrics.ts";
import type { PartitionRpc } from "./objects/partition-calls.ts";
import { partitionObject } from "./objects/partition.ts";
import type { PlacementOf } from "./platform/placement.ts";
import type { TenantRpc } from "./objects/tenant-calls.ts";
import { tenantObject } from "./objects/tenant.ts";
import {
  type ServerPartition,
  serverPartition,
  type ServerPartitionOptions,
  type WriterEnv,
  type WritersClass,
  writersEntrypoint,
} from "./objects/writers.ts";

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

type Payloads = Record<string, z.core.$ZodType>;

/** The options of `createAuthority`. */
export interface AuthorityOptions {
  /** The models by name pattern: the first pattern that matches the name of a partition selects its model. */
  models: ModelRegistry;
  /** What the events of models cause outside, at most one declaration for each model. */
  effects?: readonly Effects[];
  /** The permissions of each role in tokens: `read`, `submit:<type>`, `submit:*`, `admin:*`. */
  roles?: Roles;
  /** The limits that differ from `defaultLimits`. In open development mode only these limits apply. */
  limits?: Partial<Limits>;
  /** Where the objects of a tenant live. The result for a tenant must never change: objects of a jurisdiction are not found outside it. */
  placement?: PlacementOf;
}

/** What `createAuthority` returns. The main module of the Worker exports all of it. */
export interface Authority {
  /** The Durable Object classes, under the names that the bindings of the Worker have for them. */
  PartitionObject: ObjectClass<PartitionEnv, PartitionRpc>;
  TenantObject: ObjectClass<TenantEnv, TenantRpc>;
  CourierObject: ObjectClass<CourierEnv, CourierRpc>;
  MetricsObject: ObjectClass<Cloudflare.Env, MetricsRpc>;
  /** The Worker: a Hono application. */
  worker: Edge;
  /** The entrypoint for service bindings of other Workers. */
  Writers: WritersClass;
  /** The partition `name` of a tenant, for code of this Worker. @throws TypeError where no model serves it, or another one. */
  partition<S extends object = JsonObject, P extends Payloads = Payloads, Internal extends string = never>(
    env: WriterEnv,
    tenant: string,
    name: string,
    options?: ServerPartitionOptions<S, P, Internal>,
  ): ServerPartition<S, P>;
}

/**
 * Creates the Worker and the Durable Object classes of an authority for these models.
 *
 * @example
 * const authority = createAuthority({ models: { "counter-*": counter, "*": insieme } });
 * export const { PartitionObject, TenantObject, CourierObject, MetricsObject } = authority;
 * export default authority.worker;
 *
 * @throws TypeError where a model has mistakes that show without an event (a payload schema that transforms, an initial state
 * that is not JSON, …), or several declarations of effects, or where one that serves no partition has some.
 */
export function createAuthority({
  models,
  effects = [],
  roles = {},
  limits = {},
  placement = () => ({}),
}: AuthorityOptions): Authority {
  for (const model of new Set(Object.values(models))) assertSound(model);
  assertServed(effects, Object.values(models));
  const application = { models, effects, roles, limits, placementOf: placement };
  return {
    PartitionObject: partitionObject(application),
    TenantObject: tenantObject({ ...defaultLimits, ...limits }, placement),
    CourierObject: courierObject(placement),
    MetricsObject,
    worker: edge(application),
    Writers: writersEntrypoint(application),
    partition: (env, tenant, name, options) => serverPartition(application, env, tenant, name, options),
  };
}

export type {
  RemotePartition,
  ServerPartition,
  ServerPartitionOptions,
  WriterEnv,
  WriterProps,
} from "./objects/writers.ts";
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
export type { Env as AuthorityEnv } from "./edge/env.ts";
export type { Roles } from "./shell/author.ts";
export type { Placement, PlacementOf } from "./platform/placement.ts";
export { defaultLimits, type Limits, perMinute, type Rate } from "./protocol/index.ts";
