/** The total number of attempts. */
const attemptsMax = 3;
/** The pause before the second attempt; each later pause is twice as long. */
const pauseMs = 50;

/**
 * Calls an object, with a new stub for each attempt, because a stub stays broken after an error. Retries only
 * errors that the platform marks as retryable, and never an overloaded object. Safe for submits: a draft counts once.
 */
export async function callObject<Stub, T>(freshStub: () => Stub, call: (stub: Stub) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(freshStub());
    } catch (error) {
      const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
      if (attempt === attemptsMax || !retryable || overloaded) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)));
    }
  }
}
