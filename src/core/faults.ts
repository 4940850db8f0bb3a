import { FoldError } from "../model/index.ts";
import type { Failure } from "../protocol/index.ts";
import { Damage } from "../storage/port.ts";
import type { Environment } from "./environment.ts";
import { describe } from "./ports.ts";

/** Thrown where the model cannot fold an event of the log. */
export class Unfoldable extends Error {
  override name = "Unfoldable";
  readonly eventId: number;

  constructor(eventId: number, cause: FoldError) {
    super(cause.message, { cause });
    this.eventId = eventId;
  }
}

/** Something permanent: the same will be read, or folded, the next time. */
export type Fault = Damage | Unfoldable;

export function isFault(error: unknown): error is Fault {
  return error instanceof Damage || error instanceof Unfoldable;
}

/** How long a client waits before it looks again, in seconds: a person has to fix what it waits for. */
const repairRetrySeconds = 300;
/** How many faults are logged between two loads; a damaged file can have many. */
const loggedMax = 100;

/**
 * What a client hears of a fault. It is `retryable`, so that a client keeps its drafts (nothing is lost, and they are
 * decided once it is fixed), and it says plainly that waiting does not help (docs/decisions/0012-faults.md).
 */
export function quarantined(fault: Fault): Failure {
  return { code: "quarantined", detail: detailOf(fault), retryAfter: repairRetrySeconds };
}

function detailOf({ eventId, message, name }: Fault): string {
  const after = `Waiting does not fix it. Keep what you have not had an answer to: it is decided when the partition is fixed.`;
  if (eventId === undefined)
    return `This partition's storage is damaged: ${message}. ${after} It is restored from a copy.`;
  const readable = `Events before it can be read, and those after it with since=${eventId}.`;
  return name === "Damage"
    ? `Event ${eventId} of this partition's log is damaged: ${message}. ${after} It is restored from a copy. ${readable}`
    : `This partition's model cannot fold event ${eventId}: ${message}. ${after} It needs a model that can. The log can be read.`;
}

/** The faults that were found since the last load: each has one log line. */
export class FaultLog {
  readonly #known = new Set<string>();

  report(fault: Fault, { name, ports }: Environment): void {
    const { eventId, message } = fault;
    const key = `${eventId} ${message}`;
    if (this.#known.has(key) || this.#known.size >= loggedMax) return;
    this.#known.add(key);
    ports.log("quarantined", { ...name, eventId, error: describe(fault) });
  }
}
