/**
 * What a Worker needs to be the authority.
 *
 * @module partita
 */
import { defaultLimits, type Limits } from "./protocol/index.ts";
import { edge } from "./edge/app.ts";
import type { Roles } from "./shell/author.ts";
import type { ModelRegistry } from "./model/index.ts";
import { partitionObject } from "./objects/partition.ts";
import type { PlacementOf } from "./platform/placement.ts";
import { tenantObject } from "./objects/tenant.ts";

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

/** What an application says of itself. */
export interface AuthorityOptions {
  /** Which model serves which partitions: the first pattern that fits a name decides. */
  models: ModelRegistry;
  /** Which permissions the roles in tokens stand for: `read`, `submit:<type>`, `submit:*`, `admin:*`. */
  roles?: Roles;
  /** What differs from `defaultLimits`. In open development mode nothing else is limited. */
  limits?: Partial<Limits>;
  /** Where a tenant's objects live. It has to go on saying the same: what a jurisdiction holds is not found elsewhere. */
  placement?: PlacementOf;
}

/**
 * Everything a Worker needs to be the authority for these models.
 *
 * @example
 * const authority = createAuthority({ models: { "counter-*": counter, "*": insieme } });
 * export const { PartitionObject, TenantObject } = authority;
 * export default authority.worker;
 */
export function createAuthority({ models, roles = {}, limits = {}, placement = () => ({}) }: AuthorityOptions) {
  const application = { models, roles, limits, placementOf: placement };
  return {
    PartitionObject: partitionObject(application),
    TenantObject: tenantObject({ ...defaultLimits, ...limits }, placement),
    worker: edge(application),
  };
}

export type { Roles } from "./shell/author.ts";
export type { Placement, PlacementOf } from "./platform/placement.ts";
export { defaultLimits, type Limits, perMinute, type Rate } from "./protocol/index.ts";
