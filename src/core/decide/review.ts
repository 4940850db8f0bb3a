import type { AnyModel, EventDefinition, ModelEvent } from "../../model/index.ts";
import type { Json, JsonObject, Author } from "../../protocol/index.ts";
import type { StorageReads } from "../../storage/port.ts";
import type { Draft } from "../commands.ts";
import type { Live } from "../live.ts";

/** A draft and all that its review may look at. */
export interface Review {
  readonly partition: string;
  readonly model: AnyModel;
  readonly live: Live;
  readonly reads: StorageReads;
  readonly author: Author;
  readonly clientId: string;
  readonly draft: Draft;
  /** When this review began: the time that the event gets, unless the log is ahead of the clock. */
  readonly now: number;
}

/** A draft whose shape is right: what the later stages and the commit work with. */
export interface TypedDraft {
  readonly definition: EventDefinition<object, never>;
  readonly type: string;
  readonly version: number | undefined;
  readonly expectedEventId: number | undefined;
  /** As submitted: what is stored and goes out. */
  readonly payload: JsonObject;
  /** As the model's functions see it. */
  readonly event: ModelEvent<JsonObject>;
}

/** The content that a key stands for: what a retry must repeat. `event.partition` is routing, not content. */
export function contentOf(draft: Draft): JsonObject {
  const { type, version, payload } = draft.event;
  const content: JsonObject = { type };
  if (version !== undefined) content["version"] = version;
  if (payload !== undefined) content["payload"] = payload;
  if (draft.expectedEventId !== undefined) content["expectedEventId"] = draft.expectedEventId as Json;
  return content;
}
