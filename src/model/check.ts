import type * as z from "zod/mini";
import {
  formatPath,
  type JsonObject,
  draftBounds,
  schemaError,
  type Violation,
  violationsOf,
} from "../protocol/index.ts";
import type { AnyModel, EventDefinition, ModelEvent, Objection } from "./define.ts";
import { KeyError, type State } from "./state.ts";

/** Returns how a payload of the current version violates its schema; `say`: in which words. Throws what the schema throws. */
export function payloadViolations(
  definition: Pick<EventDefinition<object, z.core.$ZodType>, "payload">,
  payload: JsonObject,
  say?: (issue: z.core.$ZodIssue) => string,
): Violation[] {
  // The schema has its own method to parse, in zod as in zod/mini: so a client bundles only what its model uses of zod.
  const result = (definition.payload as unknown as Pick<z.ZodMiniType, "safeParse">).safeParse(payload);
  if (!result.success) return violationsOf(result.error.issues, ["payload"], schemaError, say);
  const changed = firstDifference(payload, result.data);
  return changed === undefined
    ? []
    : [{ field: formatPath(["payload", ...changed]), code: schemaError, message: "This field is not known here." }];
}

/**
 * Returns how the payload of a draft violates the schema of its version, where that is an older one whose schema is
 * given: so upcasters get what they were written for. Throws what the schema throws.
 */
export function olderViolations(
  { olderPayloads }: Pick<EventDefinition<object, never>, "olderPayloads">,
  version: number,
  payload: JsonObject,
): Violation[] {
  const older = olderPayloads?.[version];
  return older ? payloadViolations({ payload: older }, payload) : [];
}

/** Returns which business rules the event violates in the current state, at most `draftBounds.violationsMax`. Owns `at` from now on. Throws what they throw. */
export function ruleViolations(
  definition: EventDefinition<object, never>,
  state: State<object>,
  event: ModelEvent<JsonObject>,
  at: { head: number; principal: string; partition?: string },
): Violation[] {
  if (!definition.validate) return [];
  // Without a copy: `head` may be a getter, because a client has to know whether it is read.
  const context = Object.assign(at, state.context);
  return state.read((view) => {
    const objections = definition.validate!(view as never, event as never, context);
    if (objections === undefined) return [];
    const all = Array.isArray(objections) ? (objections as readonly Objection[]) : [objections as Objection];
    // Copied field by field: a validator may return a view of the state.
    return all.slice(0, draftBounds.violationsMax).map(({ field, code, message }) => ({ field, code, message }));
  });
}

/** Returns the invariants that the current state violates. Throws what they throw. */
export function invariantViolations(model: AnyModel, state: State<object>): Violation[] {
  const { invariants } = model;
  if (!invariants) return [];
  return state.read((view) =>
    Object.entries(invariants)
      .filter(([, holds]) => !holds(view as never))
      .map(([name]) => ({ field: "", code: "INVARIANT", message: name })),
  );
}

/**
 * What is wrong where a reducer has thrown because of a key: a word of the payload that a state cannot have as a key.
 * Undefined: it has thrown something else.
 */
export function keyViolation(error: unknown, payload: JsonObject): Violation | undefined {
  if (!(error instanceof KeyError)) return undefined;
  const { key } = error;
  const field = formatPath(pathTo(key, payload, ["payload"]) ?? ["payload"]);
  return { field, code: "forbidden_key", message: `"${key}" cannot be a key.` };
}

/** The path of the first string `text` in `value`, which is at `path`. */
function pathTo(text: string, value: unknown, path: PropertyKey[]): PropertyKey[] | undefined {
  if (value === text) return path;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, member] of Object.entries(value)) {
    const found = pathTo(text, member, [...path, Array.isArray(value) ? Number(key) : key]);
    if (found) return found;
  }
  return undefined;
}

/** The path where the output of a schema differs from its input: there it would strip, default or transform. */
function firstDifference(given: unknown, returned: unknown): PropertyKey[] | undefined {
  if (Object.is(given, returned)) return undefined;
  if (typeof given !== "object" || typeof returned !== "object" || given === null || returned === null) return [];
  for (const key in given) {
    const difference = firstDifference((given as JsonObject)[key], (returned as JsonObject)[key]);
    if (difference) return [Array.isArray(given) ? Number(key) : key, ...difference];
  }
  for (const key in returned) if (!Object.hasOwn(given, key)) return [key];
  return undefined;
}
