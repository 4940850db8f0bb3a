import { type Report, runWorld } from "../simulate.ts";
import { TextsSimulation } from "./world.ts";

/** The default number of steps with faults in a run. */
export const textsStepsDefault = 400;

/** Runs one seed: writers of texts with the production client against the production shell and core. */
export function simulateTexts(seed: number, steps = textsStepsDefault): Promise<Report> {
  return runWorld(seed, steps, new TextsSimulation(seed));
}
