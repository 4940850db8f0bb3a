import type { StoreError, StoreFailure } from "./store.ts";

let StoreErrorClass: typeof StoreError;

/**
 * Gives this file, which is loaded later, the class of the main bundle. If it imported the class, bundlers would move that
 * into a file of its own.
 */
export function failWith(of: typeof StoreError): void {
  StoreErrorClass = of;
}

/** The reason of a failure, also of a store that the application has written. */
export function reasonOf(error: unknown): StoreFailure {
  return error instanceof StoreErrorClass ? error.reason : "failed";
}

/** Makes an error of a store; one that is a StoreError already stays. */
export function storeError(reason: StoreFailure, cause: unknown): StoreError {
  return cause instanceof StoreErrorClass ? cause : new StoreErrorClass(reason, cause);
}

/** For a call after `close`. */
export function closedError(): StoreError {
  return storeError("failed", new Error("the store is closed"));
}
