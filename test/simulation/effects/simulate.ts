import { type Report, runWorld } from "../simulate.ts";
import { EffectsWorld } from "./world.ts";

/** Steps of storm in a run, unless it is said. */
export const effectsStepsDefault = 400;

/** Runs one seed: partitions that submit to each other. */
export function simulateEffects(seed: number, steps = effectsStepsDefault): Promise<Report> {
  return runWorld(seed, steps, new EffectsWorld(seed));
}
