import type { Container } from "./journal.ts";

/** Follows each change of a state, undos included. */
export interface StateWatcher {
  /** Called before `key` of `container`, whose value is `old`, gets `value`; undefined is no value. */
  property(container: Record<string, unknown>, key: string, old: unknown, value: unknown): void;
  /** Called after `removed` was replaced by `inserted` in `array`, at `at`. */
  splice(array: unknown[], at: number, removed: readonly unknown[], inserted: readonly unknown[]): void;
  /** `container` is new, and is put somewhere into the state next. */
  added?(container: Container): void;
  /** `containers` were taken out of the state, and are not put back in this step. Returns what an undo of the step begins with. */
  released?(containers: Set<object>): (() => void) | undefined;
  /** A model has used `container` with everything in it: it is copied, or was searched. */
  inspected?(container: Container): void;
}

/** Sees each change. */
export type StateFollower = Pick<StateWatcher, "property" | "splice">;
