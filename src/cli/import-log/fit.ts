import { bounds, isJsonObject, type JsonObject, parseJson, utf8Length } from "../../protocol/index.ts";
import { isItemId } from "../../wire/insieme/items.ts";
import type { ReadEvent } from "../read-log.ts";

/** Why an event does not fit behind the one before it. */
export interface Misfit {
  eventId: number;
  why: string;
}

/**
 * Compares the events of an export with what a log can hold, in their order. Everything that does not fit is reported, not
 * only the first. What only the server knows, it says when it is sent the event: its model, its rules, its state.
 */
export class LogFitting {
  readonly misfits: Misfit[] = [];
  readonly #now: number;
  /** The first event of the file; 0: it has none. */
  first = 0;
  /** The last event. */
  last = 0;
  #timestamp = 0;

  /** `now`: milliseconds since 1970; no event is later. */
  constructor(now: number) {
    this.#now = now;
  }

  /** Takes the next event of the file. */
  fit({ eventId, draftId, event }: ReadEvent): void {
    const misfit = (why: string) => this.misfits.push({ eventId, why });
    if (this.first === 0) this.first = eventId;
    else if (eventId !== this.last + 1) misfit(`it follows event ${this.last} in the file, and a log has no gap`);
    this.last = eventId;
    const { timestamp } = event;
    if (!Number.isSafeInteger(timestamp) || timestamp < this.#timestamp) {
      misfit(`its time ${timestamp} is before that of the event before it`);
    } else this.#timestamp = timestamp;
    if (timestamp > this.#now) misfit(`its time ${timestamp} is later than now`);
    if (draftId !== undefined && !isItemId(draftId)) {
      misfit("its draftId is not 1 to 128 characters without control characters");
    }
    for (const why of faultsOf(event as unknown as JsonObject)) misfit(why);
  }
}

function faultsOf({ type, version, payload, clientId, author, label, userId }: JsonObject): string[] {
  const faults: string[] = [];
  if (!isText(type, bounds.typeLengthMax))
    faults.push(`its type does not have 1 to ${bounds.typeLengthMax} characters`);
  // Where a model hides its authors, it is empty.
  if (clientId !== "" && !isText(clientId, bounds.idLengthMax))
    faults.push(`its clientId has more than ${bounds.idLengthMax} characters`);
  if (author !== undefined && !isText(author, Infinity)) faults.push("its author is no text");
  if (version !== undefined && !(Number.isSafeInteger(version) && Number(version) > 0))
    faults.push("its version is none");
  for (const [name, value] of Object.entries({ label, userId })) {
    if (value !== undefined && !isText(value, bounds.annotationLengthMax)) {
      faults.push(`its ${name} does not have 1 to ${bounds.annotationLengthMax} characters`);
    }
  }
  if (!isJsonObject(payload)) return [...faults, "its payload is no object"];
  const text = JSON.stringify(payload);
  if (utf8Length(text) > bounds.frameBytesMax) faults.push(`its payload has more than ${bounds.frameBytesMax} bytes`);
  const parsed = parseJson(text);
  if (!parsed.ok) faults.push(...parsed.violations.map(({ field, message }) => `its payload: ${field} ${message}`));
  return faults;
}

function isText(value: unknown, max: number): boolean {
  return typeof value === "string" && value !== "" && value.length <= max;
}
