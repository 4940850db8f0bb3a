import * as z from "zod/mini";
import type { Compensation } from "../../model/index.ts";
import { isJsonObject, type Json, type JsonObject, bounds } from "../../protocol/index.ts";
import { segmentsOf } from "./path.ts";
import { target as targetShape } from "./shapes.ts";

/**
 * How far `segments` lead through objects, and what is there: the whole way, or up to what a `set`
 * would make an object on its way.
 */
export function reach(state: JsonObject, segments: readonly string[]): { reached: string[]; value: Json | undefined } {
  let value: Json | undefined = state;
  let length = 0;
  while (length < segments.length && isJsonObject(value)) value = value[segments[length++]!];
  return { reached: segments.slice(0, length), value };
}

/**
 * The draft that makes what is at `segments` what it is now, after a `set` or `unset` there. Undefined where
 * no target names the place: for a key with a dot in it, for an empty key at the top, and too far down.
 */
export function restore(state: JsonObject, segments: readonly string[]): Compensation | undefined {
  const { reached, value } = reach(state, segments);
  // Where there is nothing, just that place: what a `set` made on its way to it may be others' by then.
  const place = value === undefined ? segments : reached;
  const target = place.join(".");
  if (!z.safeParse(targetShape, target).success || segmentsOf(target).length !== place.length) return undefined;
  if (value === undefined) return { type: "unset", payload: { target } };
  return { type: "set", payload: { target, value, options: { replace: true } } };
}

/** The drafts that take new `keys` out of the object at `segments` again; undefined where they cannot, or are too many. */
function unsets(state: JsonObject, segments: readonly string[], keys: readonly string[]): Compensation[] | undefined {
  // One place of a batch is left for what they go with.
  if (keys.length >= bounds.batchEventsMax) return undefined;
  const drafts: Compensation[] = [];
  for (const key of keys) {
    const draft = restore(state, [...segments, key]);
    // Inside an array nothing can be unset.
    if (draft?.type !== "unset") return undefined;
    drafts.push(draft);
  }
  return drafts;
}

/**
 * The drafts that take the merge of `value` into `current`, the object at `segments`, back and leave
 * alone what is beside it. `merge` drafts the merge of old values. Undefined where that cannot be.
 */
export function unmerge(
  state: JsonObject,
  segments: readonly string[],
  current: JsonObject,
  value: JsonObject,
  merge: (old: JsonObject) => Compensation,
): Compensation[] | undefined {
  const old: JsonObject = {};
  const added: string[] = [];
  for (const key of Object.keys(value)) {
    if (key in current) old[key] = current[key]!;
    else added.push(key);
  }
  const drafts = unsets(state, segments, added);
  // What is only added has nothing to merge back.
  return added.length > 0 && Object.keys(old).length === 0 ? drafts : drafts && [merge(old), ...drafts];
}
