import { bounds, isPartitionName, parseJson, utf8Length } from "../../protocol/index.ts";
import { isItemId } from "../../wire/insieme/items.ts";
import type { TheirEvent } from "./their-file.ts";

/** Why an event, or a project, does not fit into a partition as it is. */
export interface Misfit {
  projectId: string;
  /** Undefined: the project itself. */
  committedId: number | undefined;
  why: string;
}

/** What of an event was changed so that it fits. */
export interface Adjusted {
  numbers: number;
  times: number;
}

/** An event as it is imported: its number is its place in the log. */
export interface FittedEvent extends TheirEvent {
  eventId: number;
  timestamp: number;
}

/**
 * Compares the events of a project with what a log here can hold, in their order. Everything that does not fit is
 * reported, not only the first.
 */
export class Fitting {
  readonly misfits: Misfit[] = [];
  readonly adjusted: Adjusted = { numbers: 0, times: 0 };
  readonly #projectId: string;
  readonly #adjust: boolean;
  #eventId = 0;
  #timestamp = 0;
  #gapTold = false;

  /** `adjust`: numbers and times that do not fit are changed, and counted. */
  constructor(projectId: string, adjust: boolean) {
    this.#projectId = projectId;
    this.#adjust = adjust;
    if (!isPartitionName(projectId)) {
      this.#misfit(undefined, "its id cannot name a partition: that has 1 to 128 of A–Z a–z 0–9 . _ ~ : -");
    }
  }

  /** Takes the next event. */
  fit(event: TheirEvent): FittedEvent {
    const { committedId, serverTs } = event;
    const eventId = ++this.#eventId;
    if (committedId !== eventId) this.#otherNumber(committedId, eventId);
    const inOrder = Number.isSafeInteger(serverTs) && serverTs >= this.#timestamp;
    if (!inOrder && this.#adjust) this.adjusted.times++;
    else if (!inOrder) this.#misfit(committedId, `its time ${serverTs} is before that of the event before it`);
    const timestamp = inOrder ? serverTs : this.#timestamp;
    this.#timestamp = timestamp;
    for (const why of faultsOf(event)) this.#misfit(committedId, why);
    return { ...event, eventId, timestamp };
  }

  /** Where other projects have numbers between those of this one, all behind the first gap differ: one line says so. */
  #otherNumber(committedId: number, eventId: number): void {
    if (this.#adjust) this.adjusted.numbers++;
    else if (!this.#gapTold) {
      this.#gapTold = true;
      this.#misfit(committedId, `it is the ${eventId}. event of its project, and a log here has no gap`);
    }
  }

  #misfit(committedId: number | undefined, why: string): void {
    this.misfits.push({ projectId: this.#projectId, committedId, why });
  }
}

function faultsOf({ id, type, label, userId, schemaVersion, payload, clientTs }: TheirEvent): string[] {
  const faults: string[] = [];
  if (!isItemId(id)) faults.push("its id is not 1 to 128 characters without control characters");
  if (type.length === 0 || type.length > bounds.typeLengthMax) {
    faults.push(`its type does not have 1 to ${bounds.typeLengthMax} characters`);
  }
  for (const [name, text] of [
    ["partition", label],
    ["user id", userId],
  ] as const) {
    if (text !== undefined && (text.length === 0 || text.length > bounds.annotationLengthMax)) {
      faults.push(`its ${name} does not have 1 to ${bounds.annotationLengthMax} characters`);
    }
  }
  if (!Number.isSafeInteger(schemaVersion) || schemaVersion < 1) faults.push("its schemaVersion is no version");
  if (!Number.isFinite(clientTs)) faults.push("the time of its client is no number");
  if (utf8Length(payload) > bounds.frameBytesMax)
    faults.push(`its payload has more than ${bounds.frameBytesMax} bytes`);
  const parsed = parseJson(payload);
  if (!parsed.ok) faults.push(...parsed.violations.map(({ field, message }) => `its payload: ${field} ${message}`));
  else if (typeof parsed.value !== "object" || parsed.value === null || Array.isArray(parsed.value)) {
    faults.push("its payload is no object");
  }
  return faults;
}
