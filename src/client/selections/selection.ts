/** A value of a state, kept current. */
export interface Selection<T> {
  /**
   * The value for the state as it is now, as immutable plain data. Parts that did not change are the same objects as
   * before. Throws what the selector throws.
   */
  readonly get: () => T;
  /** Calls `listener` after each change of the value; returns a function that unsubscribes it. */
  readonly subscribe: (listener: () => void) => () => void;
}

/** How values of a selection are compared. */
export interface SelectOptions<T> {
  /** Whether a new value is the same as the one before, which is then kept. Default: whether their JSON is equal. */
  isEqual?: ((before: T, now: T) => boolean) | undefined;
  /** The value of an earlier selection: what is equal in both is kept. */
  before?: { readonly value: T } | undefined;
}
