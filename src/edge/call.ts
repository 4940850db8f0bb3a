/** The total number of attempts. */
const attemptsMax = 3;
/** The pause before the second attempt; each later pause is twice as long. */
const pauseMs = 50;

/** Thrown where a call to an object was not answered, for whatever reason: what it has done is not known. */
export class Unanswered extends Error {
  override name = "Unanswered";

  constructor(cause: unknown) {
    super(String(cause), { cause });
  }
}

/** Calls an object once: for a call that would do something else the second time. */
export async function callObjectOnce<Stub, T>(freshStub: () => Stub, call: (stub: Stub) => Promise<T>): Promise<T> {
  const stub = freshStub();
  try {
    return await call(stub);
  } catch (error) {
    throw new Unanswered(error);
  }
}

/**
 * Calls an object, with a new stub for each attempt, because a stub stays broken after an error. Retries only
 * errors that the platform marks as retryable, and never an overloaded object. Safe for submits: a draft counts once.
 */
export async function callObject<Stub, T>(freshStub: () => Stub, call: (stub: Stub) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const stub = freshStub();
    try {
      return await call(stub);
    } catch (error) {
      const { retryable, overloaded } = error as { retryable?: boolean; overloaded?: boolean };
      if (attempt === attemptsMax || !retryable || overloaded) throw new Unanswered(error);
      await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)));
    }
  }
}
