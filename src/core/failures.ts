import { FoldError } from "../model/index.ts";
import type { Failure, TracedFailure } from "../protocol/index.ts";
import { MigrationError } from "../storage/migrations.ts";
import { retryAfterSeconds } from "./delivery/endings.ts";
import type { Environment } from "./environment.ts";
import { LogCorrupt } from "./fold.ts";
import { describe } from "./ports.ts";
import { Refusal, traceFailure } from "./refusal.ts";

/**
 * What was thrown, as the failure that the client receives; of an unexpected error no more than that there was
 * one: it is logged. `traceId`: of the request; undefined: a new one.
 */
export function failureOf(error: unknown, { name, ports }: Environment, now: number, traceId?: string): TracedFailure {
  const where = { ports, now };
  if (error instanceof Refusal) return traceFailure(error.failure, where, traceId);
  const failure = traceFailure(unexpected(error), where, traceId);
  ports.log("error", "a request failed", { ...name, traceId: failure.traceId, error: describe(error) });
  return failure;
}

/** What the outside may know of an unexpected error. */
function unexpected(error: unknown): Failure {
  if (error instanceof MigrationError) {
    return {
      code: "schema_mismatch",
      detail: "This partition's storage is not of this version.",
      retryAfter: retryAfterSeconds,
    };
  }
  if (error instanceof LogCorrupt || error instanceof FoldError) {
    return { code: "internal", detail: "This partition's log cannot be folded; it was logged under the trace id." };
  }
  // Everything else came out of the storage, or left it in doubt.
  return {
    code: "storage_unavailable",
    detail: "The outcome is not known. Send the same again: a draft counts once.",
    retryAfter: retryAfterSeconds,
  };
}
