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

/** What was promised comes about before the next step: all microtasks, and nothing of anybody else's. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs one seed: the production shell and core, on a clock, randomness, network and storage that the seed owns. */
export function simulate(seed: number, steps = stepsDefault, variant: Variant = {}): Promise<Report> {
  return runWorld(seed, steps, new World(seed, variant));
}

/** A partition and what happens to it, out of one seed. */
interface AnyWorld {
  readonly trace: Trace;
  run(steps: number, turn: () => Promise<void>): Promise<void>;
}

/** Runs a world to its end. Whatever is thrown, or asked of a clock that the seed does not own, is a violation. */
export async function runWorld(seed: number, steps: number, world: AnyWorld): Promise<Report> {
  const { trace } = world;
  const disown = ownTheGlobals((what) => trace.violated(what));
  const escaped = (error: unknown) => trace.violated(`thrown: ${thrown(error)}`);
  process.on("unhandledRejection", escaped);
  process.on("uncaughtException", escaped);
  try {
    await world.run(steps, turn);
  } catch (error) {
    escaped(error);
  } finally {
    process.off("unhandledRejection", escaped);
    process.off("uncaughtException", escaped);
    disown();
  }
  return reportOf(seed, steps, trace);
}

/** What came of a run that left this trace. */
function reportOf(seed: number, steps: number, trace: Trace): Report {
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
