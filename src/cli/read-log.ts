import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import type { LoggedEvent } from "../model/index.ts";
import { isJsonObject, parseJson, partitionPath } from "../protocol/index.ts";
import { assertFile } from "./files.ts";
import { Mistake } from "./mistake.ts";
import { answerMsMax, serverAt, unreachable } from "./server.ts";

/** Events in one request. */
const pageEventsMax = 1_000;
/** How much of a refusal is shown that is no problem document. */
const refusalUnitsMax = 300;

/** An event of a log, with its number. */
export interface ReadEvent {
  readonly eventId: number;
  /** Its id on the Insieme wire; absent: it was submitted otherwise. */
  readonly draftId?: string | undefined;
  readonly event: LoggedEvent;
}

/** Where a log is read from. */
export interface LogSource {
  /** The address of a server, as `https://example.com`; undefined: that of `partita dev`. */
  readonly url: string | undefined;
  readonly partition: string;
  /** Undefined: the server is in open development mode. */
  readonly token: string | undefined;
}

/** Reads the log of a partition after the event `since`, page by page. @throws Mistake where the server refuses. */
export async function* logOf(source: LogSource, since = 0): AsyncGenerator<ReadEvent> {
  for (let hasMore = true; hasMore;) {
    const query = `since=${since}&limit=${pageEventsMax}&authors=true&annotations=true&draftIds=true`;
    const page = (await askServer(source, `${partitionPath(source.partition)}/events?${query}`)) as {
      events: ReadEvent[];
      hasMore: boolean;
      nextSinceEventId: number;
    };
    yield* page.events;
    ({ hasMore, nextSinceEventId: since } = page);
  }
}

/** A server has answered, and refused. */
export class RefusedByServer extends Mistake {
  readonly status: number;
  /** After how many seconds it may answer; 0: it has not said that. */
  readonly retryAfter: number;

  constructor(message: string, status: number, retryAfter: number) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** What a server answers to a `GET`. @throws RefusedByServer where it is no success. */
export async function askServer({ url, token }: Pick<LogSource, "url" | "token">, path: string): Promise<unknown> {
  const server = serverAt(url);
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(path, server), { headers, signal: AbortSignal.timeout(answerMsMax) });
    text = await response.text();
  } catch (error) {
    throw new Mistake(unreachable(server, error));
  }
  if (!response.ok) throw refusalOf(path, response.status, text);
  try {
    return JSON.parse(text);
  } catch {
    throw new Mistake(`${server.origin} is no Partita server: its answer to ${path} is not JSON.`);
  }
}

const tokenHint =
  "The token is that of --token or PARTITA_TOKEN. On your machine, `npx partita token --sub me --permissions read,admin:*` prints one that may read everything.";

/** The parts that some routes are in, by the ends of their paths. */
const parts: readonly [path: RegExp, part: string][] = [
  [/\/costs$|\/partitions$/, "metrics"],
  [/\/verify$/, "operations"],
];

/** What a person can do about a refusal; empty: the server says it. */
function hintOf(path: string, status: number): string {
  if (status === 401 || status === 403) return `\n${tokenHint}`;
  if (status !== 404) return "";
  const [, part] = parts.find(([end]) => end.test(path)) ?? [];
  const what =
    part === undefined
      ? "no such route: is it a server of Partita?"
      : `no part "${part}" of partita/parts: docs/guide/parts.md shows how to add it.`;
  return `\nWhere the address is right, its Worker has ${what}`;
}

/** A refusal for a person: what the server says, and what can be done about it. */
function refusalOf(path: string, status: number, text: string): RefusedByServer {
  const problem = parseJson(text);
  const { code, detail, retryAfter } = problem.ok && isJsonObject(problem.value) ? problem.value : {};
  const said = typeof detail === "string" ? detail : text.slice(0, refusalUnitsMax);
  const why = [status, ...(typeof code === "string" ? [code] : [])].join(" ");
  const route = path.replace(/\?.*/, "");
  const message = `${route} is refused with ${why}: ${said}${hintOf(route, status)}`;
  return new RefusedByServer(message, status, typeof retryAfter === "number" ? retryAfter : 0);
}

/** Reads what `partita export` has written: an event a line. @throws Mistake at a line that is none. */
export async function* logIn(file: string): AsyncGenerator<ReadEvent> {
  assertFile(file);
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    number++;
    if (line !== "") yield eventOf(line, `${file}, line ${number}`);
  }
}

function eventOf(line: string, where: string): ReadEvent {
  let read: Partial<ReadEvent>;
  try {
    read = JSON.parse(line) as Partial<ReadEvent>;
  } catch {
    throw new Mistake(`${where} is not JSON.`);
  }
  if (!Number.isInteger(read.eventId) || typeof read.event?.type !== "string")
    throw new Mistake(`${where} is not an event: {"eventId": 1, "event": {"type": …}}`);
  return read as ReadEvent;
}
