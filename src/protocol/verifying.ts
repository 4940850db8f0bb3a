import { partitionPath } from "./errors.ts";

/** Partitions that are verified at once: each costs as much as all its events together. */
const atOnce = 4;
/** Names in one request. */
const pageNames = 100;
/**
 * How often a partition is asked again that refuses for now, or that comes no further, and how long it may have the caller
 * wait in all, in milliseconds: after a refusal the server begins again with the first event.
 */
const attemptsMax = 10;
const pausesMsMax = 60_000;
const pauseMsMin = 1_000;

/** What a verification has found. */
export interface Finding {
  /** Absent: it is of no event. */
  readonly eventId?: number;
  readonly detail: string;
}

/** How far a verification is, as `GET /v1/partitions/{p}/verify` answers it. */
export interface Verified {
  /** The last event that was verified. */
  readonly eventId: number;
  /** The last event of the log. */
  readonly of: number;
  readonly done: boolean;
  readonly compared: readonly string[];
  readonly findings: readonly Finding[];
}

/** How a program asks the server for verifications. */
export interface VerifyHost {
  /** What the server answers to a `GET`. Rejects where it refuses. */
  ask(path: string): Promise<unknown>;
  /** After how many seconds what `ask` rejects with may have passed by itself, 0: it is not said; undefined: it does not pass. */
  retryAfter(error: unknown): number | undefined;
  wait(ms: number): Promise<void>;
  /** Whether the results are still wanted. */
  goesOn(): boolean;
}

/** A verification that begins again and again, as its object ends before it does. */
export class Endless extends Error {
  override name = "Endless";
}

/**
 * Verifies a partition to its end; it goes on at the server from one request to the next. `progress`: called with how far it
 * is, also at its end.
 *
 * @throws Endless; what `ask` rejects with.
 */
export async function verifyPartition(
  host: VerifyHost,
  partition: string,
  progress: (verified: Verified) => void,
): Promise<void> {
  let [eventId, furthest, attempts, waitedMs] = [0, 0, 0, 0];
  while (host.goesOn()) {
    try {
      const { verified } = (await host.ask(`${partitionPath(partition)}/verify`)) as { verified: Verified };
      if (!host.goesOn()) return;
      progress(verified);
      if (verified.done) return;
      // A verification that ends with its object begins again: only what none has reached is progress.
      if (verified.eventId > furthest) [furthest, attempts, waitedMs] = [verified.eventId, 0, 0];
      else if (verified.eventId <= eventId) attempts++;
      eventId = verified.eventId;
    } catch (error) {
      const pauseMs = pauseAfter(host, error);
      waitedMs += pauseMs;
      if (++attempts > attemptsMax || waitedMs > pausesMsMax) throw error;
      await host.wait(pauseMs);
    }
    if (attempts > attemptsMax) throw new Endless("it does not come to an end");
  }
}

/**
 * Calls `verify` with the names of all partitions of the tenant that begin with `prefix`, a few at once. `full`: called where
 * there may be partitions that the server does not list.
 *
 * @throws what `verify` throws, and what `ask` rejects with where they cannot be listed.
 */
export async function verifyEach(
  host: VerifyHost,
  prefix: string,
  verify: (partition: string) => Promise<void>,
  full: () => void,
): Promise<void> {
  const names = namesOf(host, prefix, full);
  const work = async (): Promise<void> => {
    // One after the other: each takes the next name.
    for (let next = await names.next(); !next.done && host.goesOn(); next = await names.next())
      await verify(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function* namesOf(host: VerifyHost, prefix: string, full: () => void): AsyncGenerator<string, void> {
  for (let after: string | undefined = ""; after !== undefined;) {
    const from: string = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
    const query: string = `limit=${pageNames}&prefix=${encodeURIComponent(prefix)}${from}`;
    const page = (await askPatiently(host, `/v1/partitions?${query}`)) as {
      partitions: { partition: string }[];
      next?: string;
      incomplete?: true;
    };
    if (page.incomplete) full();
    for (const { partition } of page.partitions) yield partition;
    after = page.next;
  }
}

/** Asks again a few times where the server refuses for now. */
async function askPatiently(host: VerifyHost, path: string): Promise<unknown> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await host.ask(path);
    } catch (error) {
      const pauseMs = pauseAfter(host, error);
      if (attempts > attemptsMax) throw error;
      await host.wait(pauseMs);
    }
  }
}

/** In milliseconds. @throws the error where it does not pass. */
function pauseAfter(host: VerifyHost, error: unknown): number {
  const seconds = host.retryAfter(error);
  if (seconds === undefined) throw error;
  return Math.max(seconds * 1_000, pauseMsMin);
}
