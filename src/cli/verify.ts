import { partitionPath } from "../protocol/index.ts";
import { askServer, type LogSource, RefusedByServer } from "./read-log.ts";

/** Partitions that are verified at once: each costs as much as all its events together. */
const atOnce = 4;
/** Names in one request. */
const pageNames = 100;
/** How often a partition is asked again that refuses for now, and the pause, in milliseconds. */
const attemptsMax = 10;
const pauseMs = 1_000;

/** The result of one partition. */
export interface VerifiedPartition {
  readonly name: string;
  /** The last event that was verified. */
  readonly eventId: number;
  readonly found: readonly { readonly eventId?: number; readonly detail: string }[];
  /** Why it could not be verified; absent: it was. */
  readonly refused?: string;
}

type Server = Pick<LogSource, "url" | "token">;
type Wait = (ms: number) => Promise<void>;

const sleep: Wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Verifies one partition, or all of the tenant whose names begin with `prefix`, a few at once. A verification of a long
 * log goes on at the server from one request to the next. `full`: called where there may be partitions that the server
 * does not list, because its directory is full.
 *
 * @throws Mistake where the server does not list its partitions.
 */
export async function verifyAll(
  server: Server,
  which: { partition: string } | { prefix: string },
  report: (verified: VerifiedPartition) => void,
  full: () => void,
  wait: Wait = sleep,
): Promise<void> {
  const names = "partition" in which ? oneOf(which.partition) : namesOf(server, which.prefix, { wait, full });
  const work = async (): Promise<void> => {
    // One after the other: each takes the next name.
    for (let next = await names.next(); !next.done; next = await names.next()) {
      report(await verifyOne(server, next.value, wait));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function* oneOf(name: string): AsyncGenerator<string, void> {
  yield name;
}

/** `full`: called where there may be partitions that the server does not list. */
async function* namesOf(
  server: Server,
  prefix: string,
  { wait, full }: { wait: Wait; full: () => void },
): AsyncGenerator<string, void> {
  for (let after: string | undefined = ""; after !== undefined;) {
    const query: URLSearchParams = new URLSearchParams({ limit: String(pageNames), prefix });
    if (after !== "") query.set("after", after);
    const page = (await askPatiently(server, `/v1/partitions?${query}`, wait)) as {
      partitions: { partition: string }[];
      next?: string;
      incomplete?: true;
    };
    if (page.incomplete) full();
    for (const { partition } of page.partitions) yield partition;
    after = page.next;
  }
}

/** Asks again a few times where the server refuses for now. @throws RefusedByServer */
async function askPatiently(server: Server, path: string, wait: Wait): Promise<unknown> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await askServer(server, path);
    } catch (error) {
      if (!(error instanceof RefusedByServer) || !mayPass(error) || attempts > attemptsMax) throw error;
      await wait(pauseMs);
    }
  }
}

const mayPass = ({ status }: RefusedByServer): boolean => status >= 500 || status === 429;

async function verifyOne(server: Server, name: string, wait: Wait): Promise<VerifiedPartition> {
  let [eventId, furthest, attempts] = [0, 0, 0];
  for (;;) {
    try {
      const { verified } = (await askServer(server, `${partitionPath(name)}/verify`)) as {
        verified: { eventId: number; done: boolean; findings: VerifiedPartition["found"] };
      };
      if (verified.done) return { name, eventId: verified.eventId, found: verified.findings };
      // A verification that ends with its object begins again: only what none has reached is progress.
      if (verified.eventId > furthest) [furthest, attempts] = [verified.eventId, 0];
      else if (verified.eventId <= eventId) attempts++;
      eventId = verified.eventId;
      if (attempts > attemptsMax) return { name, eventId, found: [], refused: "it does not come to an end" };
    } catch (error) {
      if (!(error instanceof RefusedByServer)) throw error;
      if (!mayPass(error) || ++attempts > attemptsMax) return { name, eventId, found: [], refused: error.message };
      await wait(pauseMs);
    }
  }
}
