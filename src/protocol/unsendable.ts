import { draftBounds } from "./draft-bounds.ts";
import { formatPath } from "./json.ts";
import { type Refused, refusedKey, refusedNumber, refusedString, tooDeep } from "./json-rules.ts";
import type { Violation } from "./scan.ts";

/**
 * Why a message with `value` cannot be sent: what JSON text would lose without a word, as NaN and infinite numbers, what is
 * no value of JSON, and objects that it empties, such as a Map; and what `parseJson` refuses on the server. A member that
 * is undefined is no member; `toJSON` says what an object is.
 */
export function unsendableIn(value: unknown): Violation[] {
  const found: Violation[] = [];
  const above = new Set<unknown>();
  const collect = (given: unknown, at: readonly PropertyKey[]): void => {
    const inner = writtenOf(given);
    const isContainer = typeof inner === "object" && inner !== null;
    const lost = above.has(inner) ? "an object inside itself" : lossOf(inner);
    if (lost) note(at, ["not_json", `JSON cannot carry ${lost}.`]);
    else if (!isContainer) note(at, refusedPrimitive(inner));
    // It may be too deep for `JSON.stringify`, too.
    else if (above.size === draftBounds.jsonDepthMax) note(at, tooDeep);
    else {
      above.add(inner);
      // `keys` includes the holes of an array, each of which would become null.
      if (Array.isArray(inner)) for (const key of inner.keys()) collect(inner[key], [...at, key]);
      else
        for (const [key, member] of Object.entries(inner)) {
          if (member === undefined) continue;
          note([...at, key], refusedKey(key));
          collect(member, [...at, key]);
        }
      above.delete(inner);
    }
  };
  const note = (at: readonly PropertyKey[], refused: Refused | undefined): void => {
    if (!refused || found.length === draftBounds.violationsMax) return;
    const [code, message] = refused;
    found.push({ field: formatPath(at).toWellFormed(), code, message });
  };
  collect(value, []);
  return found;
}

function refusedPrimitive(value: unknown): Refused | undefined {
  if (typeof value === "string") return refusedString(value);
  return typeof value === "number" ? refusedNumber(value) : undefined;
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
