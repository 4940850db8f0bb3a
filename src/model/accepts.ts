import type { AnyModel } from "./define.ts";
import { matches } from "./registry.ts";

/** Whether a model accepts drafts of a type from the partition `from`. */
export function accepts({ accepts }: AnyModel, from: string, type: string): boolean {
  return accepts?.some((accepted) => matches(accepted.from, from) && accepted.types.includes(type)) === true;
}
