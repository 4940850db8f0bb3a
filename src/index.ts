/**
 * What a Worker needs to be the authority.
 *
 * @module partita
 */
import { edge } from "./edge/app.ts";
import type { Roles } from "./edge/identity.ts";
import type { ModelRegistry } from "./model/index.ts";
import { partitionObject } from "./partition/object.ts";

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

/**
 * Everything a Worker needs to be the authority for these models. `roles` says which permissions the
 * roles in tokens stand for: `read`, `submit:<type>`, `submit:*`.
 *
 * @example
 * const authority = createAuthority({ models: { "counter-*": counter, "*": insieme } });
 * export const PartitionObject = authority.PartitionObject;
 * export default authority.worker;
 */
export function createAuthority({ models, roles = {} }: { models: ModelRegistry; roles?: Roles }) {
  return { PartitionObject: partitionObject(models), worker: edge(models, roles) };
}
