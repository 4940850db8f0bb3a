import type { Draft } from "../../core/index.ts";
import {
  type Annotations,
  annotationsOf,
  eventName,
  importScope,
  insiemeScope,
  type JsonObject,
} from "../../protocol/index.ts";

/** An event as readers of a log receive it over HTTP, with authors, annotations and draft ids. */
export interface Logged {
  readonly eventId: number;
  /** Its id on the Insieme wire; absent: it was submitted otherwise. */
  readonly draftId?: string | undefined;
  readonly event: JsonObject & {
    type: string;
    timestamp: number;
    clientId: string;
    author?: string | undefined;
  } & Annotations;
}

/** The draft that appends an event of another log with its number and time. `event.partition` is routing, not content. */
export function draftOfLogged({ eventId, draftId, event }: Logged): Draft {
  const { type, version, payload, timestamp, clientId, author, label, userId, meta } = event;
  return {
    draftId: draftId ?? eventName(eventId),
    event: {
      type,
      ...(payload === undefined ? {} : { payload }),
      ...(version === undefined ? {} : { version }),
    },
    expectedEventId: undefined,
    annotations: annotationsOf({ label, userId, meta }),
    clientId,
    scope: draftId === undefined ? importScope : insiemeScope,
    imported: { eventId, timestamp, author },
  };
}
