import { type Report, runWorld } from "../simulate.ts";
import { type Planted, SagasWorld } from "./world.ts";

/** Steps of storm in a run, unless it is said. */
export const sagasStepsDefault = 400;

/** Runs one seed: partitions whose sagas are about each other. */
export function simulateSagas(seed: number, steps = sagasStepsDefault, planted?: Planted): Promise<Report> {
  return runWorld(seed, steps, new SagasWorld(seed, planted));
}
