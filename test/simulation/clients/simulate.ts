import { ownTheGlobals } from "../globals.ts";
import { type Report, reportOf, thrown } from "../simulate.ts";
import { ClientsWorld, type Variant } from "./world.ts";

/** Steps of storm in a run, unless it is said. */
export const clientsStepsDefault = 800;

/** What the clients have promised comes about before the next step: all microtasks, and nothing of anybody else's. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Runs one seed: production clients against the production core, on what the seed owns. */
export async function simulateClients(
  seed: number,
  steps = clientsStepsDefault,
  { plant, ...variant }: Variant = {},
): Promise<Report> {
  const mend = plant?.();
  const world = new ClientsWorld(seed, variant);
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
    mend?.();
  }
  return reportOf(seed, steps, trace);
}
