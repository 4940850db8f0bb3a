import { Audit } from "../core/audit/audit.ts";
import { decideImported } from "../core/decide/import.ts";
import { causing } from "../core/effects/causing.ts";
import { DeadLetters } from "../core/effects/dead-letters.ts";
import { gaugesOf } from "../core/gauges.ts";
import { findSaga, listSagas } from "../core/sagas.ts";
import { nextOccurrence } from "../core/timers/cron.ts";
import { SegmentCheck } from "../core/verify/segments.ts";
import { insiemeDialect } from "../wire/insieme/codec.ts";
import { receiveEffects } from "./effect-receiver.ts";
import { EffectSender } from "./effect-sender.ts";
import { measuring } from "./measuring.ts";
import { operated } from "./operated.ts";
import type { ShellParts } from "./parts.ts";
import { sealSegment } from "./seal.ts";

/** A partition that can do all. */
export const allParts: ShellParts = {
  ...operated,
  decideImported,
  causing,
  DeadLetters,
  gaugesOf,
  EffectSender,
  measuring,
  receiveEffects,
  Audit,
  SegmentCheck,
  sagas: { findSaga, listSagas },
  sealSegment,
  nextOccurrence,
  dialects: [insiemeDialect],
};
