import type { AnyModel } from "./define.ts";

/**
 * The model of each partition, by name or by a prefix that ends in `*`. The first match decides, in the order of
 * declaration.
 */
export type ModelRegistry = Readonly<Record<string, AnyModel>>;

/** The model of the partition with this name; undefined if none is declared. */
export function modelFor(registry: ModelRegistry, name: string): AnyModel | undefined {
  for (const [pattern, model] of Object.entries(registry)) {
    if (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern) return model;
  }
  return undefined;
}
