/** How often a call is tried in all. */
const attemptsMax = 3;
/** The pause before the second try; it doubles. */
const pauseMs = 50;

/**
 * Calls an object, with a fresh stub for each try (after an error a stub stays broken). Tries again
 * only what the platform calls retryable, never an overloaded object. Safe for submits: a draft counts once.
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
