/** What a lock tells who asked for it. Nothing is called before `lock` has returned. */
export interface LockEvents {
  /** It is ours. */
  held(): void;
  /** It was ours, and another tab has taken it. */
  lost(): void;
}

/** What the tabs of one origin share, by one name. A test puts its own in place. */
export interface TabsPort {
  /** Asks for the lock, behind those who wait for it; `steal` takes it from its holder. Returns how to let go of it, or of waiting. */
  lock(steal: boolean, events: LockEvents): () => void;
  /** Opens the channel on which each tab hears all others, each of them in its order. */
  open(receive: (message: unknown) => void): { post(message: unknown): void; close(): void };
  /** Whether somebody looks at this tab. Its timers run on time then. */
  visible(): boolean;
}
