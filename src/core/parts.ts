import type { Audit } from "./audit/audit.ts";
import type { Inspection } from "./inspection.ts";
import type { NextOccurrence } from "./timers/recurrence.ts";
import type { DecideImported } from "./window/context.ts";

/** What a partition can do besides what every partition can. What is absent is not in the bundle of the Worker. */
export interface CoreParts {
  /** When timers recur. */
  readonly nextOccurrence?: NextOccurrence;
  /** Seals the log. */
  readonly Audit?: typeof Audit;
  /** What an operator sees. */
  readonly Inspection?: typeof Inspection;
  /** Decides events of another server. */
  readonly decideImported?: DecideImported;
}
