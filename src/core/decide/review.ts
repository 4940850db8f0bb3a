import type { Effects } from "../../model/effects.ts";
import type { AnyModel, EventDefinition, ModelEvent } from "../../model/index.ts";
import type { JsonObject, Author } from "../../protocol/index.ts";
import type { Authors } from "../authors.ts";
import type { Draft } from "../commands.ts";
import type { Live } from "../live.ts";
import type { Ports } from "../ports.ts";
import type { Meter } from "./meter.ts";
import type { NextOccurrence } from "../timers/recurrence.ts";

/** A draft and all that its review may look at. */
export interface Review {
  readonly partition: string;
  readonly model: AnyModel;
  readonly effects: Effects | undefined;
  /** Undefined: no timer recurs here. */
  readonly nextOccurrence: NextOccurrence | undefined;
  readonly authors: Authors;
  readonly live: Live;
  /** The id of the object's lifetime that decides. */
  readonly incarnation: string;
  readonly ports: Ports;
  readonly author: Author;
  readonly clientId: string;
  readonly draft: Draft;
  /** The trace id that its submission has come with. */
  readonly traceId?: string | undefined;
  /** The members of its atomic batch before it, which are applied, and not in the log yet. */
  readonly earlier: readonly TypedDraft[];
  /** Counts the work of this review: each stage that works in proportion to what is stored adds to it. */
  readonly meter: Meter;
  /** When this review began: the time that the event gets, unless the log is ahead of the clock. */
  readonly now: number;
}

/** A draft whose shape is right: what the later stages and the commit work with. */
export interface TypedDraft {
  readonly definition: EventDefinition<object, never>;
  readonly type: string;
  readonly version: number | undefined;
  readonly expectedEventId: number | undefined;
  /** What is stored and goes out: as submitted, unless the draft was transformed. */
  readonly payload: JsonObject;
  /** As the model's functions see it. */
  readonly event: ModelEvent<JsonObject>;
}
