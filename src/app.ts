import type { Effects } from "./model/effects.ts";
import type { ModelRegistry } from "./model/index.ts";
import { hall } from "./models/hall/index.ts";
import { insieme } from "./models/insieme/index.ts";
import { inventoryEffects } from "./models/inventory/effects.ts";
import { inventory } from "./models/inventory/index.ts";
import { jobsEffects } from "./models/jobs/effects.ts";
import { jobs } from "./models/jobs/index.ts";
import { ledgerEffects } from "./models/ledger/effects.ts";
import { ledger } from "./models/ledger/index.ts";
import { openTypes } from "./models/open-types/index.ts";
import { text } from "./models/text/index.ts";

/** The model of each partition name. An application edits this file. */
export const models: ModelRegistry = {
  "hall:*": hall,
  "inventory:*": inventory,
  "jobs:*": jobs,
  "ledger:*": ledger,
  // Projects of the package insieme, whose clients connect to /insieme/project:<name>: they bring their own types.
  "project:*": openTypes(),
  "text:*": text,
  // Its events say who made them: the subject of the token, or in open development mode `dev:<clientId>`.
  "*": { ...insieme, authors: "shown" },
};

/** What the events of these models cause outside. */
export const effects: readonly Effects[] = [inventoryEffects, jobsEffects, ledgerEffects];
