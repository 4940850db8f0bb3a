import type { Audit } from "./audit/audit.ts";
import type { DeadLetters } from "./effects/dead-letters.ts";
import type { causing } from "./effects/causing.ts";
import type { gaugesOf } from "./gauges.ts";
import type { Inspection } from "./inspection.ts";
import type { findSaga, listSagas } from "./sagas.ts";
import type { NextOccurrence } from "./timers/recurrence.ts";
import type { SegmentCheck } from "./verify/segments.ts";
import type { DecideImported } from "./window/context.ts";

/** What a partition can do besides what every partition can. What is absent is not in the bundle of the Worker. */
export interface CoreParts {
  /** What events cause outside, and timers. */
  readonly causing?: typeof causing;
  /** When timers recur. */
  readonly nextOccurrence?: NextOccurrence;
  /** Seals the log. */
  readonly Audit?: typeof Audit;
  /** Verifies what was sealed. */
  readonly SegmentCheck?: typeof SegmentCheck;
  /** Reads what a model says of its state in figures; absent: nothing. */
  readonly gaugesOf?: typeof gaugesOf;
  /** Reads sagas. */
  readonly sagas?: { readonly findSaga: typeof findSaga; readonly listSagas: typeof listSagas };
  /** What was given up. */
  readonly DeadLetters?: typeof DeadLetters;
  /** What an operator sees. */
  readonly Inspection?: typeof Inspection;
  /** Decides events of another server. */
  readonly decideImported?: DecideImported;
}
