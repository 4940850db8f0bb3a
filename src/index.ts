import { edge } from "./edge/app.ts";
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
 * Everything a Worker needs to be the authority for these models.
 *
 * @example
 * const authority = createAuthority({ models: { "counter-*": counter, "*": insieme } });
 * export const PartitionObject = authority.PartitionObject;
 * export default authority.worker;
 */
export function createAuthority({ models }: { models: ModelRegistry }) {
  return { PartitionObject: partitionObject(models), worker: edge(models) };
}
