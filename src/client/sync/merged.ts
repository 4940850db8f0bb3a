import type { ModelEvent } from "../../model/index.ts";
import type { JsonObject } from "../../protocol/index.ts";
import type { QueueEntry } from "../stores/store.ts";
import type { Group, NewRebaser, Pending, RebasedReplica } from "./rebaser.ts";

/** The parts of a replica that chains use. */
export interface MergedReplica extends RebasedReplica {
  readonly eventId: number;
  /** The drafts that are not confirmed, by their ids. */
  readonly drafts: Map<string, Pending>;
  readonly groups: Map<string, Group>;
  rebaseBy(newRebaser: NewRebaser): void;
  /** Adds an entry after the others. */
  add(entry: QueueEntry): unknown;
  /** The entry leaves the queue. */
  settle(key: string): void;
}

/** How the view has changed by one event or draft of a type that is merged: against the view before it. */
export interface MergedChange extends Pick<ModelEvent<JsonObject>, "type" | "payload"> {
  /** Its id, if it is a draft of this client that was submitted just now. */
  draftId?: string | undefined;
}

/** A draft of a type that is merged. */
export interface MergedDraft extends Pick<ModelEvent<JsonObject>, "type" | "payload"> {
  readonly draftId: string;
}
