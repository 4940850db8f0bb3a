import * as z from "zod/mini";
import { type AnyModel, defineModel, modelFor, type ModelRegistry } from "../../model/index.ts";

/** What the synthetic check submits to: it counts. */
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

/** The server's own partitions have names that no client can use: those begin with a letter or digit. */
const ownPrefix = "-";

/** What `/readyz` asks. */
export const readinessProbe = `${ownPrefix}readyz`;

/** What the synthetic check writes to: another one each month, so that none grows for ever. */
export function canaryName(now: number): string {
  return `${ownPrefix}canary-${new Date(now).toISOString().slice(0, 7)}`;
}

/** The model of a partition, the server's own ones included. */
export function modelOf(models: ModelRegistry, name: string): AnyModel | undefined {
  return name.startsWith(ownPrefix) ? canary : modelFor(models, name);
}
