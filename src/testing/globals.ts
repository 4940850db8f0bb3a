/** Thrown in a reducer, a validator or an upcaster that asks for what differs between the server, a replay and a client. */
export class Impurity extends Error {
  override name = "Impurity";
}

const alternatives: Readonly<Record<string, string>> = {
  "Date.now": "use event.timestamp",
  "new Date": "use new Date(event.timestamp)",
  "Math.random": "put what is random into the payload",
  "crypto.randomUUID": "put the id into the payload",
  "crypto.getRandomValues": "put what is random into the payload",
};

const refuse = (name: string) => (): never => {
  throw new Impurity(`a model asks for ${name}, which is different in a replay: ${alternatives[name]}`);
};

/** Calls `run` while clocks and randomness throw. Only what is synchronous in it is guarded. */
export function withoutGlobals<T>(run: () => T): T {
  const { Date: RealDate, crypto } = globalThis;
  const { now } = RealDate;
  const { random } = Math;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given: unknown[]) =>
      given.length === 0 ? refuse("new Date")() : (Reflect.construct(target, given) as object),
    apply: refuse("new Date"),
  });
  RealDate.now = refuse("Date.now");
  Math.random = refuse("Math.random");
  // The real ones are inherited: these hide them.
  Object.assign(crypto, {
    randomUUID: refuse("crypto.randomUUID"),
    getRandomValues: refuse("crypto.getRandomValues"),
  });
  try {
    return run();
  } finally {
    globalThis.Date = RealDate;
    RealDate.now = now;
    Math.random = random;
    Reflect.deleteProperty(crypto, "randomUUID");
    Reflect.deleteProperty(crypto, "getRandomValues");
  }
}
