import type { Transformation } from "../../model/index.ts";
import type { MergedDraft } from "./merged.ts";
import type { JsonObject } from "../../protocol/index.ts";

/** How many events are kept, and how many UTF-16 units of their payloads: what the server maps a draft over at most. */
const pastEventsMax = 1_000;
const pastUnitsMax = 2 * 1024 * 1024;

/** A draft as it was made: on the event `base`, and on the earlier ones of its tab. -1: it was mapped since. */
export interface MadeDraft extends MergedDraft {
  readonly entity: string;
  readonly transform: Transformation<object, JsonObject>;
  readonly base: number;
  /** See `QueuedDraft`. */
  readonly on: readonly string[] | undefined;
  readonly tab: string | undefined;
}

/** An event of a type that is merged. */
export interface PastEvent {
  readonly eventId: number;
  readonly type: string;
  readonly payload: JsonObject;
  readonly entity: string;
  /** As the model shows it. */
  readonly clientId: string;
  readonly draftId: string | undefined;
  /** The draft that it was, if it was in the queue of this tab. */
  readonly made: MadeDraft | undefined;
}

// It must not import modules of the main bundle: bundlers would move those into a third file.
/** The events that came last, for drafts that were made before them: in an earlier life of this client, or in another tab. */
export class Past {
  #events: PastEvent[] = [];
  #units = 0;
  /** All later events are here. */
  #start = 0;

  /** Nothing is known of what came before this event. */
  begin(eventId: number): void {
    this.#events = [];
    this.#units = 0;
    this.#start = eventId;
  }

  add(event: PastEvent): void {
    this.#events.push(event);
    this.#units += JSON.stringify(event.payload).length;
    while (this.#events.length > pastEventsMax || this.#units > pastUnitsMax) {
      const oldest = this.#events.shift()!;
      this.#units -= JSON.stringify(oldest.payload).length;
      this.#start = oldest.eventId;
    }
  }

  /** Whether all events after this one are known. */
  knows(eventId: number): boolean {
    return eventId >= this.#start;
  }

  /** The events of an entity after this one, in order. */
  after(eventId: number, entity: string): readonly PastEvent[] {
    return this.#events.filter((event) => event.eventId > eventId && event.entity === entity);
  }
}
