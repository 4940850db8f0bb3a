import * as z from "zod/mini";
import { type AnyModel, defineModel, modelFor, type ModelRegistry } from "../../model/index.ts";

/** The model of the partitions of the synthetic check: it counts. */
const canary = defineModel({
  name: "canary",
  version: 1,
  initialState: () => ({ beats: 0 }),
  events: {
    beat: {
      payload: z.strictObject({}),
      reduce(state) {
        state.beats++;
      },
    },
  },
});

/** The prefix of the server's own partitions. No client can use it: its names begin with a letter or digit. */
const ownPrefix = "-";

/** The partition that `/readyz` reads. */
export const readinessProbe = `${ownPrefix}readyz`;

/** The partition that the synthetic check writes to: a new one each month, so that none grows without bound. */
export function canaryName(now: number): string {
  return `${ownPrefix}canary-${new Date(now).toISOString().slice(0, 7)}`;
}

/** The model of a partition, including the server's own partitions. */
export function modelOf(models: ModelRegistry, name: string): AnyModel | undefined {
  return name.startsWith(ownPrefix) ? canary : modelFor(models, name);
}
