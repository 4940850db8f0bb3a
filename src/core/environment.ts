import type { Effects } from "../model/effects.ts";
import type { AnyModel } from "../model/index.ts";
import type { Storage } from "../storage/port.ts";
import type { Authors } from "./authors.ts";
import type { Ports } from "./ports.ts";
import type { NextOccurrence } from "./timers/recurrence.ts";

/** Who a partition is. */
export interface PartitionName {
  tenant: string;
  partition: string;
}

/** What every part of a partition works with. */
export interface Environment {
  readonly name: PartitionName;
  readonly model: AnyModel;
  /** What events cause outside; undefined: nothing. */
  readonly effects: Effects | undefined;
  /** Whether events can cause something, outside or later; if not, what was stored before waits. */
  readonly causes: boolean;
  /** How many segments of the log are sealed; undefined: none is, unless the model asks for it, and there is a key to sign with. */
  readonly sealed: ((storage: Storage) => number) | undefined;
  /** Undefined: no timer recurs here. */
  readonly nextOccurrence: NextOccurrence | undefined;
  readonly ports: Ports;
  readonly authors: Authors;
}
