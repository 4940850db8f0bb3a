import { fire } from "../timers/fire.ts";
import { TimerRunner } from "../timers/runner.ts";
import { causedBy, excessOf, writeCaused } from "./caused.ts";
import { Deliveries } from "./deliveries.ts";
import { letterCount } from "./letters.ts";

/** What a partition has whose events cause something: outside, or later by a timer. */
export const causing = { causedBy, excessOf, letterCount, writeCaused, Deliveries, fire, TimerRunner };
