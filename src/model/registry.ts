import type { AnyModel } from "./define.ts";

/**
 * The model of each partition, by name or by a prefix that ends in `*`. The first match decides, in the order of
 * declaration.
 */
export type ModelRegistry = Readonly<Record<string, AnyModel>>;

/** Whether the name of a partition is `pattern`, or begins with it where that ends in `*`. */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

/** The model of the partition with this name; undefined if none is declared. */
export function modelFor(registry: ModelRegistry, name: string): AnyModel | undefined {
  for (const [pattern, model] of Object.entries(registry)) {
    if (matches(pattern, name)) return model;
  }
  return undefined;
}
