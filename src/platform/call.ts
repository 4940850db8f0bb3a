/** The total number of attempts. */
const attemptsMax = 3;
/** The pause before the second attempt; each later pause is twice as long. Half of a pause is random, so that callers spread. */
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
 * Calls an object, up to three times: for a read, and for what counts once however often it is sent. Each attempt has
 * a new stub, because a stub that has thrown stays broken.
 *
 * Platform fact: most errors after which a second attempt succeeds (a lost connection, an object that moves or gets new
 * code) are not marked as retryable. So all are tried again, but those of an overloaded object: it has too many calls.
 */
export async function callObject<Stub, T>(freshStub: () => Stub, call: (stub: Stub) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const stub = freshStub();
    try {
      return await call(stub);
    } catch (error) {
      if (attempt === attemptsMax || isOverloaded(error)) throw new Unanswered(error);
      await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)));
    }
  }
}

function isOverloaded(error: unknown): boolean {
  return typeof error === "object" && error !== null && "overloaded" in error && error.overloaded === true;
}
