import { Inspection } from "../core/inspection.ts";
import { inspect } from "./inspected.ts";
import type { ShellParts } from "./parts.ts";

/** What a partition does for who operates it. */
export const operated: ShellParts = { Inspection, inspect };
