import { Audit } from "../core/audit/audit.ts";
import { nextOccurrence } from "../core/timers/cron.ts";
import { insiemeDialect } from "../wire/insieme/codec.ts";
import { operated } from "./operated.ts";
import type { ShellParts } from "./parts.ts";
import { sealSegment } from "./seal.ts";

/** A partition that can do all. */
export const allParts: ShellParts = {
  ...operated,
  Audit,
  sealSegment,
  nextOccurrence,
  dialects: [insiemeDialect],
};
