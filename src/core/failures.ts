import { type Failure, type TracedFailure } from "../protocol/index.ts";
import { MigrationError } from "../storage/migrations.ts";
import { retryAfterSeconds } from "./delivery/endings.ts";
import type { Environment } from "./environment.ts";
import { isFault, quarantined } from "./faults.ts";
import type { Live } from "./live.ts";
import { describe } from "./ports.ts";
import { Refusal, traceFailure } from "./refusal.ts";

/** Where something was thrown. */
interface Where extends Environment {
  /** Undefined: nothing is loaded. */
  readonly live: Live | undefined;
  readonly now: number;
}

/**
 * What was thrown, as the failure that the client receives; of an unexpected error no more than that there was
 * one: it is logged. `traceId`: of the request; undefined: a new one.
 */
export function failureOf(error: unknown, where: Where, traceId?: string): TracedFailure {
  const known = knownFailureOf(error, where);
  if (known) return traceFailure(known, where, traceId);
  const failure = traceFailure(unknownOutcome, where, traceId);
  where.ports.log("request_failed", { ...where.name, traceId: failure.traceId, error: describe(error) });
  return failure;
}

/** The failure of what was thrown on purpose, or will be thrown each time; undefined: something else was thrown. */
export function knownFailureOf(error: unknown, where: Where): Failure | undefined {
  if (error instanceof Refusal) return error.failure;
  if (error instanceof MigrationError) return otherSchema;
  if (!isFault(error)) return undefined;
  where.live?.faults.report(error, where);
  return quarantined(error);
}

const otherSchema: Failure = {
  code: "schema_mismatch",
  // Soon: while versions are replaced, the next attempt can reach the right one.
  detail: "This partition's storage is not of this version: another version has to be deployed.",
  retryAfter: retryAfterSeconds,
};

/** Of everything else that is thrown: it came out of the storage, or left it in doubt. */
const unknownOutcome: Failure = {
  code: "storage_unavailable",
  detail: "The outcome is not known. Send the same again: a draft counts once.",
  retryAfter: retryAfterSeconds,
};
