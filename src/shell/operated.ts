import { DeadLetters } from "../core/effects/dead-letters.ts";
import { Inspection } from "../core/inspection.ts";
import { inspect } from "./inspected.ts";
import type { ShellParts } from "./parts.ts";

/** What a partition does for who operates it. */
export const operated: ShellParts = { DeadLetters, Inspection, inspect };
