import { Endless, type Verified, verifyEach, type VerifyHost, verifyPartition } from "../protocol/verifying.ts";
import { askServer, type LogSource, RefusedByServer } from "./read-log.ts";

/** The result of one partition. */
export interface VerifiedPartition {
  readonly name: string;
  /** The last event that was verified. */
  readonly eventId: number;
  readonly found: Verified["findings"];
  /** Why it could not be verified; absent: it was. */
  readonly refused?: string;
}

type Server = Pick<LogSource, "url" | "token">;
type Wait = (ms: number) => Promise<void>;

const sleep: Wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Verifies one partition, or all of the tenant whose names begin with `prefix`, a few at once. `full`: called where there may
 * be partitions that the server does not list, because its directory is full.
 *
 * @throws Mistake where the server does not list its partitions, or cannot be reached.
 */
export async function verifyAll(
  server: Server,
  which: { partition: string } | { prefix: string },
  report: (verified: VerifiedPartition) => void,
  full: () => void,
  wait: Wait = sleep,
): Promise<void> {
  const host: VerifyHost = {
    ask: (path) => askServer(server, path),
    retryAfter: (error) =>
      error instanceof RefusedByServer && (error.status >= 500 || error.status === 429) ? error.retryAfter : undefined,
    wait,
    goesOn: () => true,
  };
  const verify = async (name: string) => report(await verifyOne(host, name));
  if ("partition" in which) await verify(which.partition);
  else await verifyEach(host, which.prefix, verify, full);
}

async function verifyOne(host: VerifyHost, name: string): Promise<VerifiedPartition> {
  let last: Pick<Verified, "eventId" | "findings"> = { eventId: 0, findings: [] };
  try {
    await verifyPartition(host, name, (verified) => (last = verified));
    return { name, eventId: last.eventId, found: last.findings };
  } catch (error) {
    if (!(error instanceof RefusedByServer || error instanceof Endless)) throw error;
    return { name, eventId: last.eventId, found: [], refused: error.message };
  }
}
