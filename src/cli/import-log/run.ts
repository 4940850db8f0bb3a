import { RefusedEvent, sendEvents, type Target } from "../import/send.ts";
import { logIn, logOf, type LogSource, type ReadEvent } from "../read-log.ts";
import { contentOf, LogDigest, stateDigest } from "./digest.ts";
import { LogFitting, type Misfit } from "./fit.ts";

/** What is imported, and where to. */
export interface LogImport extends Target {
  /** What `partita export` has written. */
  file: string;
  partition: string;
  /** Nothing is written: only compared what fits. */
  dryRun: boolean;
  onProgress(eventId: number): void;
}

/** How what the partition has now compares with the file. */
interface LogProof {
  /** SHA-256 of the events of the file, and of the same of the partition. Equal: they are the same. */
  file: string;
  log: string;
  /** SHA-256 of the state after the last of them. */
  state: string;
  /** The first few differences, as texts. */
  differences: readonly string[];
}

/** The result of an import. */
export interface LogImported {
  /** Events of the file. */
  events: number;
  /** Not empty: nothing was imported; or the one is an event that the server refused. */
  misfits: readonly Misfit[];
  /** Undefined: nothing was imported. */
  proof: LogProof | undefined;
}

/** How many differences are described. */
const differencesMax = 20;

/**
 * Imports an exported log into a partition, with its ids, order and times, and compares what readers of the partition then
 * receive with the file. What does not fit is found before anything is written, as far as the file shows it.
 *
 * @throws Mistake, ServerError
 */
export async function importLog(options: LogImport): Promise<LogImported> {
  const { file, dryRun, onProgress } = options;
  const fitting = new LogFitting(Date.now());
  let events = 0;
  for await (const event of logIn(file)) {
    fitting.fit(event);
    events++;
  }
  const { misfits, first, last } = fitting;
  if (misfits.length === 0 && events > 0) {
    const other = await otherLog(options, first);
    if (other) misfits.push(other);
  }
  if (misfits.length > 0 || dryRun || events === 0) return { events, misfits, proof: undefined };
  try {
    await sendEvents(options, {
      partition: options.partition,
      member: "log",
      eventsAfter: (eventId) => eventsOf(file, eventId),
      textOf: (event: ReadEvent) => JSON.stringify(event),
      onProgress,
    });
  } catch (error) {
    if (!(error instanceof RefusedEvent)) throw error;
    const { eventId } = error.event as ReadEvent;
    return { events, misfits: [{ eventId, why: error.message }], proof: undefined };
  }
  return { events, misfits, proof: await prove(options, first, last) };
}

async function* eventsOf(file: string, after: number): AsyncGenerator<ReadEvent> {
  for await (const event of logIn(file)) if (event.eventId > after) yield event;
}

function sourceOf({ url, partition, token }: LogImport): LogSource {
  return { url: url.href, partition, token: token === "" ? undefined : token };
}

/** What the partition has in the places of the file's events. `found`: undefined where the log ends before. */
async function* pairs(
  options: LogImport,
  first: number,
): AsyncGenerator<{ event: ReadEvent; found: ReadEvent | undefined }> {
  const log = logOf(sourceOf(options), first - 1);
  for await (const event of logIn(options.file)) {
    const next = await log.next();
    yield { event, found: next.done ? undefined : next.value };
  }
}

/** The first event of the file in whose place the partition has another one. */
async function otherLog(options: LogImport, first: number): Promise<Misfit | undefined> {
  for await (const { event, found } of pairs(options, first)) {
    if (!found) return undefined;
    const other = contentOf(found);
    if (other !== contentOf(event)) {
      return { eventId: event.eventId, why: `${options.partition} has another event there: ${other}` };
    }
  }
  return undefined;
}

/** Compares the events of the file with those of the partition. */
async function prove(options: LogImport, first: number, last: number): Promise<LogProof> {
  const digests = { file: new LogDigest(), log: new LogDigest() };
  const differences: string[] = [];
  for await (const { event, found } of pairs(options, first)) {
    digests.file.add(event);
    if (found) digests.log.add(found);
    const [one, other] = [contentOf(event), found ? contentOf(found) : "nothing"];
    if (one === other || differences.length === differencesMax) continue;
    differences.push(`event ${event.eventId}: the file has ${one}, the log ${other}`);
  }
  const state = await stateDigest(sourceOf(options), last);
  return { file: digests.file.text, log: digests.log.text, state, differences };
}
