import { ownTheGlobals } from "./globals.ts";
import type { Trace } from "./trace.ts";
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
  const disown = ownTheGlobals((what) => trace.violated(what));
  try {
    world.run(steps);
  } catch (error) {
    trace.violated(`thrown: ${thrown(error)}`);
  } finally {
    disown();
  }
  return reportOf(seed, steps, trace);
}

/** What came of a run that left this trace. */
export function reportOf(seed: number, steps: number, trace: Trace): Report {
  return { seed, steps, digest: trace.digest(), violation: trace.violation, lines: trace.lastLines() };
}

/** What was thrown, as a line of a report. */
export function thrown(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The report of a run that failed, with the command that repeats it; `world`: the option that names another world. */
export function explain({ seed, steps, violation, lines }: Report, world = ""): string {
  return [
    `seed ${seed}: ${violation ?? "nothing is wrong"}`,
    ...lines.map((line) => `  ${line}`),
    `again: npm run simulate -- ${world}--seeds 1 --seed ${seed} --steps ${steps}`,
  ].join("\n");
}
