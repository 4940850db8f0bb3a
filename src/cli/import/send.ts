import { setTimeout as sleep } from "node:timers/promises";
import { unreachable } from "../server.ts";
import { isJsonObject, type Json, type JsonObject, parseJson } from "../../protocol/index.ts";

/** Where events are imported to. */
export interface Target {
  /** The server, as `https://partita.example.com`. */
  url: URL;
  /** Empty in open development mode. */
  token: string;
}

/** What is imported into a partition. */
export interface Sending<Event> {
  partition: string;
  /** The member of the request that has the events. */
  member: "events" | "log";
  /** The events behind an event id, in their order. */
  eventsAfter(eventId: number): Iterable<Event> | AsyncIterable<Event>;
  /** An event as JSON. */
  textOf(event: Event): string;
  onProgress(eventId: number): void;
}

/** The server cannot be reached, or refuses. */
export class ServerError extends Error {}

/** An event that the server does not take. */
export class RefusedEvent<Event> extends Error {
  readonly event: Event;

  constructor(event: Event, why: string) {
    super(why);
    this.event = event;
  }
}

/** Events of one request, in number and in characters. */
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
 * Sends the events that the log there does not have yet, in their order: a second run goes on where the first one ended.
 *
 * @throws RefusedEvent where the server does not take one; ServerError.
 */
export async function sendEvents<Event extends { eventId: number }>(
  target: Target,
  { partition, member, eventsAfter, textOf, onProgress }: Sending<Event>,
): Promise<void> {
  const path = `v1/partitions/${encodeURIComponent(partition)}`;
  const { currentEventIndex } = await request(target, `${path}/events?limit=1`);
  let batch: { event: Event; text: string }[] = [];
  let characters = 0;
  const send = async () => {
    for (let rest = batch; rest.length > 0;) {
      const body = `{"${member}":[${rest.map(({ text }) => text).join()}]}`;
      const { imported } = await request(target, `${path}/import`, { body, first: rest[0]!.event });
      rest = rest.slice(imported as number);
    }
    onProgress(batch.at(-1)!.event.eventId);
    batch = [];
    characters = 0;
  };
  for await (const event of eventsAfter(currentEventIndex as number)) {
    const text = textOf(event);
    const full = batch.length === requestEventsMax || characters + text.length > requestCharactersMax;
    if (full && batch.length > 0) await send();
    batch.push({ event, text });
    characters += text.length;
  }
  if (batch.length > 0) await send();
}

/**
 * Asks until there is an answer that is no passing refusal. The same events may come again: each has its place. `sent`:
 * events, and the first of them.
 */
async function request(
  { url, token }: Target,
  path: string,
  sent?: { body: string; first: unknown },
): Promise<JsonObject> {
  for (let retry = 0; ; retry++) {
    const pauseMs = Math.min(pauseMsMin * 2 ** retry, pauseMsMax);
    let why: string;
    try {
      const answer = await fetch(new URL(path, url), {
        headers: { ...(token === "" ? {} : { authorization: `Bearer ${token}` }), "content-type": "application/json" },
        ...(sent && { method: "POST", body: sent.body }),
      });
      const text = await answer.text();
      const body = bodyOfAnswer(text);
      if (answer.ok) return body;
      why =
        typeof body["detail"] === "string" ? `${String(body["code"])}: ${body["detail"]}` : `${answer.status} ${text}`;
      if (sent && answer.status === 404) why += ' To import, a Worker needs the part "imports" of partita/parts.';
      if (!retryable.has(answer.status)) {
        throw sent && !identityStatuses.has(answer.status)
          ? new RefusedEvent(sent.first, [why, ...violationsIn(body)].join(" "))
          : new ServerError(why);
      }
      if (retry < retriesMax) await sleep(Math.max(pauseMs, Number(answer.headers.get("retry-after") ?? 0) * 1_000));
    } catch (error) {
      if (error instanceof RefusedEvent || error instanceof ServerError) throw error;
      why = unreachable(url, error);
      if (retry < retriesMax) await sleep(pauseMs);
    }
    if (retry === retriesMax) throw new ServerError(why);
  }
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
