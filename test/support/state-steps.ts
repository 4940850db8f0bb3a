import fc from "fast-check";
import { canonicalJson } from "../../src/protocol/canonical.ts";
import type { Json } from "../../src/protocol/index.ts";

// Random programs on random JSON
export type Any = any;

/** One random change: its path (a list of choices), its action, and its value. */
export interface Step {
  path: number[];
  action: "set" | "delete" | "push" | "unshift" | "splice" | "pop" | "reverse" | "sort" | "move" | "swap" | "truncate";
  at: number;
  value: Json;
}

/** Any JSON that a state accepts: fast-check also generates `__proto__` as a key. */
export const json = fc
  .jsonValue({ maxDepth: 3 })
  .filter((value) => !/"(__proto__|constructor|prototype)"/.test(JSON.stringify(value))) as fc.Arbitrary<Json>;
export const step: fc.Arbitrary<Step> = fc.record({
  path: fc.array(fc.nat(5), { maxLength: 4 }),
  action: fc.constantFrom<Step["action"][]>(
    "set",
    "delete",
    "push",
    "unshift",
    "splice",
    "pop",
    "reverse",
    "sort",
    "move",
    "swap",
    "truncate",
  ),
  at: fc.nat(6),
  value: json,
}) as fc.Arbitrary<Step>;

/** Performs a step by plain assignments, on a plain value or on a proxy of a state. */
export function perform(root: Any, { path, action, at, value }: Step): void {
  let target: Any = root;
  for (const choice of path) {
    const keys = Object.keys(target).toSorted();
    const next = keys.length === 0 ? undefined : target[keys[choice % keys.length]!];
    if (typeof next !== "object" || next === null) break;
    target = next;
  }
  const plain = structuredClone(value);
  if (!Array.isArray(target)) {
    const keys = Object.keys(target).toSorted();
    const key = keys[at % (keys.length || 1)] ?? "fresh";
    if (action === "delete" || action === "pop") delete target[key];
    else if (action === "move" && keys.length > 1) {
      const other = keys[(at + 1) % keys.length]!;
      const moved = target[key];
      delete target[key];
      target[`${other}!`] = moved;
    } else target[action === "push" ? "k" + at : key] = plain;
    return;
  }
  if (action === "push") target.push(plain, at);
  else if (action === "unshift") target.unshift(plain);
  else if (action === "pop") target.pop();
  else if (action === "reverse") target.reverse();
  else if (action === "sort") target.sort((a: Json, b: Json) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
  else if (action === "truncate") target.length = Math.min(at, target.length);
  else if (action === "splice" || action === "delete") target.splice(at, 2, plain);
  else if (action === "set" && at <= target.length) target[at] = plain;
  else if (action === "move" && target.length > 0) {
    const [moved] = target.splice(at % target.length, 1);
    target.splice((at * 7) % (target.length + 1), 0, moved);
  } else if (action === "swap" && target.length > 1) {
    const [first, last] = [target[0], target[target.length - 1]];
    target[0] = last;
    target[target.length - 1] = first;
  }
}
