import { type Verified, verifyEach, type VerifyHost, verifyPartition } from "../../protocol/verifying.ts";
import { call, CallFailed } from "./calls.ts";

export type { Finding, Verified } from "../../protocol/verifying.ts";

const hostOf = (goesOn: () => boolean): VerifyHost => ({
  ask: (path) => call(path),
  retryAfter: (error) =>
    error instanceof CallFailed && error.problem.retryable ? (error.problem.retryAfter ?? 0) : undefined,
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  goesOn,
});

/** Verifies a partition to its end. `progress`: called with how far it is; `goesOn`: whether somebody still waits. @throws CallFailed; Endless */
export function verify(
  partition: string,
  goesOn: () => boolean,
  progress: (verified: Verified) => void,
): Promise<void> {
  return verifyPartition(hostOf(goesOn), partition, progress);
}

/** The result of one of several partitions; `error`: why there is none. */
export interface VerifiedPartition {
  partition: string;
  verified?: Verified;
  error?: string;
}

/**
 * Verifies all partitions of the tenant whose names begin with `prefix`, a few at once. `full`: called where there may be some
 * that the server does not list. @throws CallFailed where they cannot be listed.
 */
export async function verifyAll(
  prefix: string,
  goesOn: () => boolean,
  report: (result: VerifiedPartition) => void,
  full: () => void,
): Promise<void> {
  const host = hostOf(goesOn);
  const verifyOne = async (partition: string): Promise<void> => {
    let verified: Verified | undefined;
    try {
      await verifyPartition(host, partition, (far) => (verified = far));
      if (verified?.done) report({ partition, verified });
    } catch (error) {
      report({ partition, error: error instanceof Error ? error.message : String(error) });
    }
  };
  await verifyEach(host, prefix, verifyOne, full);
}
