import { StoreError, type StoreFailure } from "./store.ts";

/** The reason of a failure, also of a store that the application has written. */
export function reasonOf(error: unknown): StoreFailure {
  return error instanceof StoreError ? error.reason : "failed";
}

/** For a call after `close`. */
export function closedError(): StoreError {
  return new StoreError("failed", new Error("the store is closed"));
}
