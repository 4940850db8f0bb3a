import type { ModelRegistry } from "./model/index.ts";
import { insieme } from "./models/insieme/index.ts";

/** Which model serves which partitions: the file that an application edits. */
export const models: ModelRegistry = {
  "*": insieme,
};
