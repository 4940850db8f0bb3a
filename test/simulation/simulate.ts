import { World, type Variant } from "./world.ts";

/** Steps of storm in a run, unless it is said. */
export const stepsDefault = 400;

/** What came of a run. */
export interface Report {
  seed: number;
  steps: number;
  /** Of everything that happened: equal for equal runs. */
  digest: string;
  /** What must not happen, and did. */
  violation: string | undefined;
  /** The last of what happened. */
  lines: readonly string[];
}

/** Runs one seed: the production core, on a clock, randomness, network and storage that the seed owns. */
export function simulate(seed: number, steps = stepsDefault, variant: Variant = {}): Report {
  const world = new World(seed, variant);
  const { trace } = world;
  const escaped = owningTheGlobals(
    () => world.run(steps),
    (what) => trace.violated(what),
  );
  if (escaped !== undefined) trace.violated(`thrown: ${escaped}`);
  return { seed, steps, digest: trace.digest(), violation: trace.violation, lines: trace.lastLines() };
}

/** The report of a run that failed, with the command that repeats it. */
export function explain({ seed, steps, violation, lines }: Report): string {
  return [
    `seed ${seed}: ${violation ?? "nothing is wrong"}`,
    ...lines.map((line) => `  ${line}`),
    `again: npm run simulate -- --seeds 1 --seed ${seed} --steps ${steps}`,
  ].join("\n");
}

/** Runs `body`, with time and randomness that are not the seed's reported when asked for. Returns what it threw. */
function owningTheGlobals(body: () => void, report: (what: string) => void): string | undefined {
  const { now } = Date;
  const { random } = Math;
  const { setTimeout, setInterval } = globalThis;
  const foreign = (name: string) => (): never => {
    report(`${name} was asked, which the seed does not own`);
    throw new Error(name);
  };
  Date.now = foreign("Date.now");
  Math.random = foreign("Math.random");
  Object.assign(globalThis, { setTimeout: foreign("setTimeout"), setInterval: foreign("setInterval") });
  try {
    body();
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } finally {
    Date.now = now;
    Math.random = random;
    Object.assign(globalThis, { setTimeout, setInterval });
  }
}
