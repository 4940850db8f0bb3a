import type { AnyModel } from "./define.ts";

/**
 * Which model serves which partitions: names, or prefixes that end in `*`. The first that matches
 * decides, in the order they are written.
 */
export type ModelRegistry = Readonly<Record<string, AnyModel>>;

/** The model of the partition called `name`; undefined where none was declared. */
export function modelFor(registry: ModelRegistry, name: string): AnyModel | undefined {
  for (const [pattern, model] of Object.entries(registry)) {
    if (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern) return model;
  }
  return undefined;
}
