import { draftBounds } from "./draft-bounds.ts";
import { formatPath } from "./json.ts";
import type { Violation } from "./scan.ts";

/**
 * What of `value` JSON text would lose without a word: NaN and infinite numbers, what is no value of JSON, and objects
 * that it empties, such as a Map; and nesting that no frame carries. A member that is undefined is no member; `toJSON` says
 * what an object is. `path`: where `value` is.
 */
export function lossesInJson(value: unknown, path: readonly PropertyKey[]): Violation[] {
  const found: Violation[] = [];
  const above = new Set<unknown>();
  const collect = (given: unknown, at: readonly PropertyKey[]): void => {
    const inner = writtenOf(given);
    // What is deeper does not fit a frame, and may be too deep for `JSON.stringify`, too.
    const tooDeep = above.size > draftBounds.jsonDepthMax;
    const lost = tooDeep ? "so many levels" : above.has(inner) ? "an object inside itself" : lossOf(inner);
    if (lost) {
      if (found.length < draftBounds.violationsMax)
        found.push({ field: formatPath(at), code: "not_json", message: `JSON cannot carry ${lost}.` });
      return;
    }
    if (typeof inner !== "object" || inner === null) return;
    above.add(inner);
    // `keys` includes the holes of an array, each of which would become null.
    if (Array.isArray(inner)) for (const key of inner.keys()) collect(inner[key], [...at, key]);
    else for (const [key, member] of Object.entries(inner)) if (member !== undefined) collect(member, [...at, key]);
    above.delete(inner);
  };
  collect(value, path);
  return found;
}

/** What `JSON.stringify` writes for a value; an invalid Date stays one. */
function writtenOf(value: unknown): unknown {
  if (value instanceof Date && Number.isNaN(value.getTime())) return value;
  const given = value as { toJSON?: unknown } | null | undefined;
  return typeof given?.toJSON === "function" ? (given.toJSON() as unknown) : value;
}

function lossOf(value: unknown): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? undefined : String(value);
  if (value === null || typeof value === "string" || typeof value === "boolean") return undefined;
  if (typeof value !== "object") return value === undefined ? "undefined" : `a ${typeof value}`;
  if (value instanceof Date) return "an invalid Date";
  const emptied = Object.keys(value).length === 0 && !["Object", "Array", undefined].includes(value.constructor?.name);
  return emptied || ArrayBuffer.isView(value) ? `a ${value.constructor.name}` : undefined;
}
