import { setTimeout as sleep } from "node:timers/promises";
import { isJsonObject, type Json, type JsonObject, parseJson } from "../../protocol/index.ts";
import type { FittedEvent } from "./fit.ts";
import { ServerError } from "./their-wire.ts";

/** Where a project is imported to. */
export interface Target {
  /** The server, as `https://partita.example.com`. */
  url: URL;
  /** Empty in open development mode. */
  token: string;
}

/** An event that the server does not take. */
export class RefusedEvent extends Error {
  readonly event: FittedEvent;

  constructor(event: FittedEvent, why: string) {
    super(why);
    this.event = event;
  }
}

/** Events of one request, in number and in characters of their payloads. */
const requestEventsMax = 128;
const requestCharactersMax = 256 * 1024;
/** The pause before the first retry, and the longest; a server that says so is asked later, in milliseconds. */
const pauseMsMin = 200;
const pauseMsMax = 10_000;
/** Retries in a row without one success. */
const retriesMax = 10;
const retryable = new Set([429, 502, 503, 504]);
/** These are of the token, and not of an event. */
const identityStatuses = new Set([401, 403]);

/**
 * Sends the events that the log here does not have yet, in their order: a second run goes on where the first one ended.
 * `eventsAfter`: those behind an event id.
 *
 * @throws RefusedEvent where the server does not take one; ServerError.
 */
export async function sendProject(
  target: Target,
  projectId: string,
  eventsAfter: (eventId: number) => Iterable<FittedEvent>,
  onProgress: (eventId: number) => void,
): Promise<void> {
  const path = `v1/partitions/${encodeURIComponent(projectId)}`;
  const { currentEventIndex } = await request(target, `${path}/events?limit=1`);
  let batch: FittedEvent[] = [];
  let characters = 0;
  const send = async () => {
    for (let rest = batch; rest.length > 0;) {
      const { imported } = await request(target, `${path}/import`, rest);
      rest = rest.slice(imported as number);
    }
    onProgress(batch.at(-1)!.eventId);
    batch = [];
    characters = 0;
  };
  for (const event of eventsAfter(currentEventIndex as number)) {
    if (batch.length === requestEventsMax || characters + event.payload.length > requestCharactersMax) await send();
    batch.push(event);
    characters += event.payload.length;
  }
  if (batch.length > 0) await send();
}

/** Asks until there is an answer that is no passing refusal. The same events may come again: each has its place. */
async function request({ url, token }: Target, path: string, events?: readonly FittedEvent[]): Promise<JsonObject> {
  for (let retry = 0; ; retry++) {
    const pauseMs = Math.min(pauseMsMin * 2 ** retry, pauseMsMax);
    let why: string;
    try {
      const answer = await fetch(new URL(path, url), {
        headers: { ...(token === "" ? {} : { authorization: `Bearer ${token}` }), "content-type": "application/json" },
        ...(events && { method: "POST", body: bodyOf(events) }),
      });
      const text = await answer.text();
      const body = bodyOfAnswer(text);
      if (answer.ok) return body;
      why =
        typeof body["detail"] === "string" ? `${String(body["code"])}: ${body["detail"]}` : `${answer.status} ${text}`;
      if (!retryable.has(answer.status)) {
        throw events && !identityStatuses.has(answer.status)
          ? new RefusedEvent(events[0]!, [why, ...violationsIn(body)].join(" "))
          : new ServerError(why);
      }
      if (retry < retriesMax) await sleep(Math.max(pauseMs, Number(answer.headers.get("retry-after") ?? 0) * 1_000));
    } catch (error) {
      if (error instanceof RefusedEvent || error instanceof ServerError) throw error;
      why = `${url.origin} cannot be reached: ${(error as Error).message}.`;
      if (retry < retriesMax) await sleep(pauseMs);
    }
    if (retry === retriesMax) throw new ServerError(why);
  }
}

function bodyOf(events: readonly FittedEvent[]): string {
  const items = events.map((event) => {
    const {
      eventId: committedId,
      timestamp: serverTs,
      id,
      projectId,
      userId,
      label,
      type,
      schemaVersion,
      clientTs,
    } = event;
    const own = { id, projectId, userId, partition: label, type, schemaVersion, meta: { clientTs } };
    // The payload is sent as it is stored.
    return `${JSON.stringify({ committedId, serverTs, ...own }).slice(0, -1)},"payload":${event.payload}}`;
  });
  return `{"events":[${items.join()}]}`;
}

function bodyOfAnswer(text: string): JsonObject {
  const parsed = parseJson(text);
  return parsed.ok && isJsonObject(parsed.value) ? parsed.value : {};
}

function violationsIn({ errors }: JsonObject): string[] {
  return Array.isArray(errors)
    ? errors.filter(isJsonObject).map(({ field, message }) => `${text(field)}: ${text(message)}`)
    : [];
}

const text = (value: Json | undefined) => (typeof value === "string" ? value : "");
