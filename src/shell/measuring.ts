import { Costs } from "./costs.ts";
import { Measures } from "./measures.ts";
import { presentGauges } from "./present-gauges.ts";
import { watchedPorts } from "./watched-ports.ts";

/** What counts what a partition does, and what of it is billed. */
export const measuring = { Costs, Measures, presentGauges, watchedPorts };
