import { clientScenarios } from "./scenarios/clients.ts";
import { faultScenarios } from "./scenarios/faults.ts";
import { wireScenarios } from "./scenarios/wire.ts";
import type { Lab } from "./lab.ts";

/** What a server does for the published clients, by its name. Each throws where it does not. */
export const scenarios: Readonly<Record<string, (lab: Lab) => Promise<void>>> = {
  ...clientScenarios,
  ...faultScenarios,
  ...wireScenarios,
};

/** Those without a client: the store of a device makes no difference to them. */
export const wireScenarioNames: readonly string[] = Object.keys(wireScenarios);
