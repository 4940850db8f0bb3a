import { Mistake } from "./mistake.ts";

/** A whole number of an option. `least`: the smallest one that makes sense. @throws Mistake */
export function countIn(name: string, text: string, least = 0): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
  throw new Mistake(`--${name} must be a whole number${least === 0 ? "" : ` of at least ${least}`}, not "${text}".`, 2);
}
