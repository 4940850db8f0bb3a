/** Code that has to ask the seed: the product, and what simulates its surroundings. */
const owned = /\/(src\/(client|core|model|models|platform|protocol|shell|storage|tenant|wire)|test\/simulation)\//;

/**
 * Has time and randomness that are not the seed's reported when the product asks for them; others,
 * as a test runner between two turns, get what they ask for. Returns how to end that.
 */
export function ownTheGlobals(report: (what: string) => void): () => void {
  const { now } = Date;
  const { random } = Math;
  const { setTimeout, setInterval } = globalThis;
  const guarded = <Arguments extends unknown[], Result>(name: string, real: (...given: Arguments) => Result) =>
    Object.assign((...given: Arguments): Result => {
      const { stack = "" } = new Error();
      if (!owned.test(stack.split("\n").slice(2).join("\n"))) return real(...given);
      report(`${name} was asked, which the seed does not own`);
      throw new Error(name);
    }, real);
  Date.now = guarded("Date.now", now);
  Math.random = guarded("Math.random", random);
  Object.assign(globalThis, {
    setTimeout: guarded("setTimeout", setTimeout),
    setInterval: guarded("setInterval", setInterval),
  });
  return () => {
    Date.now = now;
    Math.random = random;
    Object.assign(globalThis, { setTimeout, setInterval });
  };
}
