import "../../../src/client/api/base-keeper.ts";
import "../../../src/client/api/rarely.ts";
import "../../../src/client/stores/resilient.ts";
import "../../../src/client/sync/rarely.ts";
import "../../../src/client/sync/tokens.ts";
import { type Report, runWorld } from "../simulate.ts";
import { TabsSimulation, type TabsVariant } from "./world.ts";

/** The default number of steps with faults in a run. */
export const tabsStepsDefault = 800;

/** Runs one seed: tabs with the production client against the production shell and core. */
export async function simulateTabs(
  seed: number,
  steps = tabsStepsDefault,
  { plant, ...variant }: TabsVariant = {},
): Promise<Report> {
  const restore = plant?.();
  try {
    return await runWorld(seed, steps, new TabsSimulation(seed, variant));
  } finally {
    restore?.();
  }
}
