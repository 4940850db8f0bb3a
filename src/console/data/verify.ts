import { call, CallFailed, pathOf } from "./calls.ts";

/** What a verification has found. */
export interface Finding {
  /** Absent: it is of no event. */
  eventId?: number;
  detail: string;
}

/** How far a verification is. */
export interface Verified {
  eventId: number;
  of: number;
  done: boolean;
  compared: string[];
  findings: Finding[];
}

/** Partitions that are verified at once, as by `partita verify`: each costs as much as all its events together. */
const atOnce = 4;
const pageNames = 100;
/** How often a partition is asked again that refuses for now. */
const attemptsMax = 10;
const pauseMs = 1_000;

/** Verifies a partition to its end. `progress`: called with how far it is; `goesOn`: whether somebody still waits. @throws CallFailed */
export async function verify(
  partition: string,
  goesOn: () => boolean,
  progress: (verified: Verified) => void,
): Promise<void> {
  for (let attempt = 0; goesOn();) {
    try {
      const { verified } = await call<{ verified: Verified }>(pathOf(partition, "verify"));
      if (!goesOn()) return;
      progress(verified);
      if (verified.done) return;
      attempt = 0;
    } catch (error) {
      const passes = error instanceof CallFailed && error.problem.retryable === true;
      if (!passes || ++attempt > attemptsMax) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** The result of one of several partitions; `error`: why there is none. */
export interface VerifiedPartition {
  partition: string;
  verified?: Verified;
  error?: string;
}

/** Verifies all partitions of the tenant whose names begin with `prefix`, a few at once. @throws CallFailed where they cannot be listed. */
export async function verifyAll(
  prefix: string,
  goesOn: () => boolean,
  report: (result: VerifiedPartition) => void,
): Promise<void> {
  const names = namesOf(prefix);
  const work = async (): Promise<void> => {
    for (let next = await names.next(); !next.done && goesOn(); next = await names.next()) {
      const partition = next.value;
      let verified: Verified | undefined;
      try {
        await verify(partition, goesOn, (far) => (verified = far));
        if (verified) report({ partition, verified });
      } catch (error) {
        report({ partition, error: error instanceof Error ? error.message : String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

async function* namesOf(prefix: string): AsyncGenerator<string, void> {
  for (let after: string | undefined = ""; after !== undefined;) {
    const query: URLSearchParams = new URLSearchParams({ limit: String(pageNames), prefix });
    if (after !== "") query.set("after", after);
    const page: { partitions: { partition: string }[]; next?: string } = await call(`/v1/partitions?${query}`);
    for (const { partition } of page.partitions) yield partition;
    after = page.next;
  }
}
