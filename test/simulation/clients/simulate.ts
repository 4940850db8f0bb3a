import { type Report, runWorld } from "../simulate.ts";
import { ClientsWorld, type Variant } from "./world.ts";

/** The default number of steps with faults in a run. */
export const clientsStepsDefault = 800;

/** Runs one seed: production clients against the production shell and core, in an environment that the seed controls. */
export async function simulateClients(
  seed: number,
  steps = clientsStepsDefault,
  { plant, ...variant }: Variant = {},
): Promise<Report> {
  const restore = plant?.();
  try {
    return await runWorld(seed, steps, new ClientsWorld(seed, variant));
  } finally {
    restore?.();
  }
}

/** The same, with clients of the package `insieme` on the same partition. */
export function simulateGuests(seed: number, steps = clientsStepsDefault, variant: Variant = {}): Promise<Report> {
  return simulateClients(seed, steps, { ...variant, guests: true });
}
