import { type Report, runWorld } from "../simulate.ts";
import { ClientsWorld, type Variant } from "./world.ts";

/** Steps of storm in a run, unless it is said. */
export const clientsStepsDefault = 800;

/** Runs one seed: production clients against the production shell and core, on what the seed owns. */
export async function simulateClients(
  seed: number,
  steps = clientsStepsDefault,
  { plant, ...variant }: Variant = {},
): Promise<Report> {
  const mend = plant?.();
  try {
    return await runWorld(seed, steps, new ClientsWorld(seed, variant));
  } finally {
    mend?.();
  }
}
