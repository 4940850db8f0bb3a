/**
 * How many partitions are notified at the same time. Platform fact: six calls of an object can wait for their answers,
 * and further ones wait in the runtime; it is not documented whether calls to objects count. If they do, the runtime
 * makes these six at a time, in the same order.
 */
const concurrentMax = 50;
/** The time limit of one notification; after it the partition is notified again later. */
const notifyMsMax = 5_000;
/** How long a caller waits; the notifications go on. */
const roundMsMax = 5_000;
/** The most partitions of one round. */
const notifiedMax = 1_000;

/** What a notifier needs. */
interface NotifierHost {
  /** The partitions that do not have the last change, at most `limit`. */
  behind(limit: number): readonly string[];
  /** Notifies a partition of all that it does not have. */
  notify(partition: string): Promise<void>;
  /** A partition could not be notified. */
  failed(partition: string, error: unknown): void;
  /** Runs `run` once, after `delayMs`. Returns a function that cancels it. */
  timer(run: () => void, delayMs: number): () => void;
}

/** One call of `notifyAll`. */
interface Round {
  /** The partitions that were not tried since it began. */
  readonly rest: Set<string>;
  notified: number;
  readonly end: () => void;
}

/**
 * Notifies the partitions that do not have the last change, a bounded number at a time. A partition receives one
 * notification after the other; one that is slow or fails delays no other, and no later change for the others.
 */
export class Notifier {
  readonly #host: NotifierHost;
  /** Those that failed the last time: they come last. */
  readonly #failing = new Set<string>();
  /** Those to notify, in order. */
  readonly #queue = new Set<string>();
  readonly #running = new Set<string>();
  readonly #rounds = new Set<Round>();

  constructor(host: NotifierHost) {
    this.#host = host;
  }

  /** How many could not be notified the last time. */
  get failing(): number {
    return this.#failing.size;
  }

  /**
   * Notifies the partitions that do not have the last change. Returns how many of them have it, when each was tried,
   * or after five seconds.
   */
  async notifyAll(): Promise<number> {
    // Those that fail must not take the places of the others.
    const names = new Set(this.#host.behind(notifiedMax + this.#failing.size));
    for (const name of this.#failing) if (!names.has(name)) this.#failing.delete(name);
    if (names.size === 0) return 0;
    for (const name of names) if (!this.#failing.has(name)) this.#queue.add(name);
    for (const name of names) if (this.#failing.has(name)) this.#queue.add(name);
    const { promise, resolve } = Promise.withResolvers<void>();
    const round: Round = { rest: names, notified: 0, end: resolve };
    const cancel = this.#host.timer(resolve, roundMsMax);
    this.#rounds.add(round);
    this.#start();
    await promise;
    cancel();
    this.#rounds.delete(round);
    return round.notified;
  }

  #start(): void {
    for (const name of this.#queue) {
      if (this.#running.size >= concurrentMax) return;
      // The running notification may leave out the last change: another one follows it.
      if (this.#running.has(name)) continue;
      this.#queue.delete(name);
      void this.#notify(name);
    }
  }

  async #notify(name: string): Promise<void> {
    this.#running.add(name);
    // A round that begins meanwhile waits for the next notification.
    const waiting = [...this.#rounds].filter(({ rest }) => rest.has(name));
    const { promise: late, reject } = Promise.withResolvers<never>();
    const cancel = this.#host.timer(() => reject(new Error("the notification timed out")), notifyMsMax);
    let notified = 0;
    try {
      await Promise.race([this.#host.notify(name), late]);
      notified = 1;
      this.#failing.delete(name);
    } catch (error) {
      this.#failing.add(name);
      this.#host.failed(name, error);
    }
    cancel();
    this.#running.delete(name);
    for (const round of waiting) {
      round.rest.delete(name);
      round.notified += notified;
      if (round.rest.size === 0) round.end();
    }
    this.#start();
  }
}
