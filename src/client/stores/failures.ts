import { StoreError, type StoreFailure } from "./store.ts";

/** What the application is told of a failure, also of one that a store of its own came up with. */
export function reasonOf(error: unknown): StoreFailure {
  return error instanceof StoreError ? error.reason : "failed";
}

/** For a call after `close`. */
export function closedError(): StoreError {
  return new StoreError("failed", new Error("it is closed"));
}
