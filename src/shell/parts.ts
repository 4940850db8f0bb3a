import type { Authors, CoreParts } from "../core/index.ts";
import type { Dialect } from "../wire/dialect.ts";
import type { EffectSender } from "./effect-sender.ts";
import type { receiveEffects } from "./effect-receiver.ts";
import type { inspect } from "./inspected.ts";
import type { measuring } from "./measuring.ts";
import type { sealSegment } from "./seal.ts";

/** The same of a shell. */
export interface ShellParts extends CoreParts {
  /** Sends what events cause outside. */
  readonly EffectSender?: typeof EffectSender;
  /** Decides effects of other partitions. */
  readonly receiveEffects?: typeof receiveEffects;
  /** Counts what is reported; absent: nothing is. */
  readonly measuring?: typeof measuring;
  /** The dialects besides ours. */
  readonly dialects?: readonly ((partition: string, authors: Authors) => Dialect)[];
  /** Seals a segment of the log. */
  readonly sealSegment?: typeof sealSegment;
  /** Answers who looks into the partition. */
  readonly inspect?: typeof inspect;
}
