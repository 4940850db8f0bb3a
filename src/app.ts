import type { Effects } from "./model/effects.ts";
import type { ModelRegistry } from "./model/index.ts";
import { insieme } from "./models/insieme/index.ts";

/** The model of each partition name. An application edits this file. */
export const models: ModelRegistry = {
  "*": insieme,
};

/** What the events of these models cause outside. */
export const effects: readonly Effects[] = [];
