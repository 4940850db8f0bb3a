import type { Effects } from "../model/effects.ts";
import type { ModelRegistry } from "../model/index.ts";
import type { PlacementOf } from "../platform/placement.ts";
import type { Limits } from "../protocol/index.ts";
import type { Roles } from "../shell/author.ts";

/** What the objects of an application have in common. */
export interface Application {
  models: ModelRegistry;
  effects: readonly Effects[];
  roles: Roles;
  /** The limits that differ from the default. */
  limits: Partial<Limits>;
  placementOf: PlacementOf;
}
