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
 * log goes on at the server from one request to the next.
 *
 * @throws Mistake where the server does not list its partitions.
 */
export async function verifyAll(
  server: Server,
  which: { partition: string } | { prefix: string },
  report: (verified: VerifiedPartition) => void,
  wait: Wait = sleep,
): Promise<void> {
  const names = "partition" in which ? oneOf(which.partition) : namesOf(server, which.prefix);
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

async function* namesOf(server: Server, prefix: string): AsyncGenerator<string, void> {
  for (let after: string | undefined = ""; after !== undefined;) {
    const query: URLSearchParams = new URLSearchParams({ limit: String(pageNames), prefix });
    if (after !== "") query.set("after", after);
    const page = (await askServer(server, `/v1/partitions?${query}`)) as {
      partitions: { partition: string }[];
      next?: string;
    };
    for (const { partition } of page.partitions) yield partition;
    after = page.next;
  }
}

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
      if (error.status < 500 || ++attempts > attemptsMax) return { name, eventId, found: [], refused: error.message };
      await wait(pauseMs);
    }
  }
}
