import type { Objection } from "../../model/index.ts";
import { isJsonObject, type Json, type JsonObject } from "../../protocol/index.ts";

/** The result of a longer target is not kept. */
const keptLengthMax = 1_024;

let last = "";
let lastSegments: readonly string[] = [last];

/** Splits a target into its segments. The last result is kept: schema, rules and reducer of an event all ask for it. */
export function segmentsOf(target: string): readonly string[] {
  if (target === last) return lastSegments;
  const segments = target.split(".");
  if (target.length <= keptLengthMax) {
    last = target;
    lastSegments = segments;
  }
  return segments;
}

const arrayIndex = /^(?:0|[1-9]\d*)$/;

/**
 * The value at `segment` of an object or array of the state; undefined if there is none. The state has own
 * properties only; an array has only its items.
 */
function member(container: JsonObject | Json[], segment: string): Json | undefined {
  if (Array.isArray(container)) return arrayIndex.test(segment) ? container[Number(segment)] : undefined;
  return container[segment];
}

/** The value at `target`; undefined if there is none. */
export function valueAt(state: JsonObject, target: string): Json | undefined {
  let value: Json | undefined = state;
  for (const segment of segmentsOf(target)) {
    if (typeof value !== "object" || value === null) return undefined;
    value = member(value, segment);
  }
  return value;
}

/** Returns why `target` cannot be set, or undefined. The library would accept such paths, and break the state. */
export function objectionToSet(state: JsonObject, target: string): Objection | undefined {
  const segments = segmentsOf(target);
  let value: JsonObject | Json[] = state;
  for (const [at, segment] of segments.slice(0, -1).entries()) {
    if (isTreeInside(value, segment)) return treeObjection;
    const next = member(value, segment);
    if (next === undefined || next === null) return undefined;
    if (typeof next !== "object") {
      return notFound(`"${segments.slice(0, at + 1).join(".")}" is a ${typeof next}: nothing can be set inside it.`);
    }
    value = next;
  }
  return undefined;
}

/** Returns why `target` cannot be unset, or undefined. */
export function objectionToUnset(state: JsonObject, target: string): Objection | undefined {
  const segments = segmentsOf(target);
  let value: Json = state;
  for (const [at, segment] of segments.entries()) {
    if (Array.isArray(value))
      return notFound("Nothing can be unset inside an array: set the whole array, with replace.");
    if (at < segments.length - 1 && isTreeInside(value, segment)) return treeObjection;
    const next: Json | undefined = isJsonObject(value) ? value[segment] : undefined;
    if (next === undefined) return notFound(`There is nothing at "${target}".`);
    value = next;
  }
  return undefined;
}

/**
 * The object that contains the last segment of `target`; created if it is missing. An array on the path becomes
 * an object with the indices as keys, as in the library.
 */
export function containerFor(state: JsonObject, target: string): JsonObject {
  let container = state;
  for (const segment of segmentsOf(target).slice(0, -1)) {
    const next = container[segment];
    if (Array.isArray(next)) container[segment] = { ...next } as unknown as JsonObject;
    else if (!isJsonObject(next)) container[segment] = {};
    container = container[segment] as JsonObject;
  }
  return container;
}

/** The objection that a target does not exist, or is not what the event needs. */
export function notFound(message: string): Objection {
  return { field: "payload.target", code: "TARGET_NOT_FOUND", message };
}

const treeObjection: Objection = {
  field: "payload.target",
  code: "SCHEMA_ERROR",
  message: "The inside of a tree changes by treePush, treeMove and treeDelete only.",
};

/** Whether `segment` leads from a tree's object into its array of nodes. */
function isTreeInside(value: Json, segment: string): boolean {
  return segment === "tree" && isJsonObject(value) && Array.isArray(value["tree"]) && isJsonObject(value["items"]);
}
