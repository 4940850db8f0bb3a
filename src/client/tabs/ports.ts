/** The events of a lock request. None is called before `lock` has returned. */
export interface LockEvents {
  /** This tab holds the lock. */
  held(): void;
  /** This tab held the lock, and another tab has taken it. */
  lost(): void;
}

/** What the tabs of one origin share under one name. A test has its own. */
export interface TabsPort {
  /** Requests the lock, after the tabs that wait for it; `steal` takes it from its holder. Returns a function that releases it, or ends the wait. */
  lock(steal: boolean, events: LockEvents): () => void;
  /**
   * Holds the lock `id` until the function that it resolves with is called. Undefined: without `waits`, and it is held.
   */
  hold(id: string, waits: boolean): Promise<(() => void) | undefined>;
  /** Opens the channel. Each tab receives the messages of all others, in the order of each sender. Undefined: it cannot be opened. */
  open(receive: (message: unknown) => void): { post(message: unknown): void; close(): void } | undefined;
  /** Whether this tab is visible. Then its timers run on time. */
  visible(): boolean;
}
