import type { Case } from "./case.ts";
import { conflicts } from "./families/conflicts.ts";
import { frames } from "./families/frames.ts";
import { promises } from "./families/promises.ts";
import { readers } from "./families/readers.ts";
import { reads } from "./families/reads.ts";
import { storage } from "./families/storage.ts";
import { trees } from "./families/trees.ts";

/** All attacks, in the order of the tables. */
export const cases: readonly Case[] = [
  ...trees,
  ...conflicts,
  ...reads,
  ...frames,
  ...storage,
  ...readers,
  ...promises,
];
