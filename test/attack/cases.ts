import type { Case } from "./case.ts";
import { conflicts } from "./families/conflicts.ts";
import { frames } from "./families/frames.ts";
import { reads } from "./families/reads.ts";
import { trees } from "./families/trees.ts";

/** All attacks, in the order of the tables. */
export const cases: readonly Case[] = [...trees, ...conflicts, ...reads, ...frames];
