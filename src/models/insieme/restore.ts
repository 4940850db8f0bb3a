import * as z from "zod/mini";
import { isJsonObject, type Json, type JsonObject } from "../../protocol/index.ts";
import { segmentsOf } from "./path.ts";
import { target as targetShape } from "./shapes.ts";
import type { UndoDraft } from "./undo-draft.ts";

/**
 * How far `segments` lead through objects, and the value there: the whole path, or up to a value that a `set` would
 * replace by an object.
 */
export function reach(state: JsonObject, segments: readonly string[]): { reached: string[]; value: Json | undefined } {
  let value: Json | undefined = state;
  let length = 0;
  while (length < segments.length && isJsonObject(value)) value = value[segments[length++]!];
  return { reached: segments.slice(0, length), value };
}

/**
 * The draft that restores the current value at `segments`, after a `set` or `unset` there. Undefined if no target
 * can name the path: for a key with a dot, for an empty key at the top, and for too many segments.
 */
export function restore(state: JsonObject, segments: readonly string[]): UndoDraft | undefined {
  const { reached, value } = reach(state, segments);
  // If there is no value, only the path itself: containers that a `set` creates on it may be in use by others then.
  const place = value === undefined ? segments : reached;
  const target = place.join(".");
  if (!z.safeParse(targetShape, target).success || segmentsOf(target).length !== place.length) return undefined;
  if (value === undefined) return { type: "unset", payload: { target } };
  return { type: "set", payload: { target, value, options: { replace: true } } };
}

/** The drafts that remove the new `keys` from the object at `segments`; undefined if that is impossible. */
function unsets(state: JsonObject, segments: readonly string[], keys: readonly string[]): UndoDraft[] | undefined {
  const drafts: UndoDraft[] = [];
  for (const key of keys) {
    const draft = restore(state, [...segments, key]);
    // An item of an array cannot be unset.
    if (draft?.type !== "unset") return undefined;
    drafts.push(draft);
  }
  return drafts;
}

/**
 * The drafts that undo the merge of `value` into `current`, the object at `segments`, and do not change its other
 * keys: one for each key, because each may have been changed by others since. `merge` returns the draft that merges old
 * values. Undefined if that is impossible.
 */
export function unmerge(
  state: JsonObject,
  segments: readonly string[],
  current: JsonObject,
  value: JsonObject,
  merge: (old: JsonObject) => UndoDraft,
): UndoDraft[] | undefined {
  const keys = Object.keys(value);
  const drafts = unsets(
    state,
    segments,
    keys.filter((key) => !(key in current)),
  );
  const merges = keys.filter((key) => key in current).map((key) => merge({ [key]: current[key]! }));
  return drafts && [...merges, ...drafts];
}
