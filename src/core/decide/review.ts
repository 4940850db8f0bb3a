import type { AnyModel, EventDefinition, ModelEvent } from "../../model/index.ts";
import type { JsonObject, Author } from "../../protocol/index.ts";
import type { StorageReads } from "../../storage/port.ts";
import type { Draft } from "../commands.ts";
import type { Live } from "../live.ts";
import type { Scene } from "../window/scene.ts";

/** A draft and all that its review may look at. */
export interface Review {
  readonly partition: string;
  readonly model: AnyModel;
  readonly live: Live;
  /** The id of the object's lifetime that decides. */
  readonly incarnation: string;
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

export function reviewOf(scene: Scene, author: Author, clientId: string, draft: Draft): Review {
  const { name, model, live, incarnation, ports, now } = scene;
  return { partition: name.partition, model, live, incarnation, reads: ports.storage, author, clientId, draft, now };
}
