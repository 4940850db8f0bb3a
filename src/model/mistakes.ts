import type * as z from "zod/mini";
import { formatPath } from "../protocol/json.ts";
import { unsendableIn } from "../protocol/unsendable.ts";
import type { AnyModel, EventDefinition } from "./define.ts";

/** What a schema does to a payload that is stored as it was submitted, by the kind of schema. */
const changing: Readonly<Record<string, string>> = {
  transform: "transforms it",
  default: "fills in a default",
  prefault: "fills in a default",
  catch: "replaces what does not fit",
};
/** Kinds of schemas that no JSON value fits. */
const notJson = new Set(["date", "bigint", "map", "set", "symbol", "promise", "function", "file", "nan"]);
/** Kinds of schemas that no object fits. */
const notObject = new Set([
  "string",
  "number",
  "int",
  "boolean",
  "null",
  "array",
  "tuple",
  "literal",
  "enum",
  "template_literal",
]);

const eventTypeName = /^[A-Za-z][A-Za-z0-9._:-]{0,127}$/;

/** The definition of a schema of zod, as far as it is looked at. */
interface SchemaDefinition {
  type: string;
  coerce?: boolean;
  checks?: readonly { _zod: { def: { check: string } } }[];
  shape?: Readonly<Record<string, z.core.$ZodType>>;
  getter?: () => z.core.$ZodType;
  [part: string]: unknown;
}

/**
 * What is wrong with a model and shows without an event; empty: nothing. Not in `defineModel`, because every client would
 * have the code for it: the server says it when it starts, and `partita/testing` in each test.
 */
export function mistakesIn(model: AnyModel): string[] {
  const events = Object.entries<EventDefinition<object, z.core.$ZodType>>(model.events);
  return [
    ...versionMistakes(model.version),
    ...(model.authorize && "read" in model.events ? ['"read" cannot name an event type beside authorize'] : []),
    ...initialStateMistakes(model),
    ...asyncIn(model, ["initialState", "authorize"], "of the model"),
    ...asyncIn(model.invariants ?? {}, Object.keys(model.invariants ?? {}), "among the invariants"),
    ...(model.accepts ?? []).flatMap(({ types }) =>
      types.filter((type) => !model.eventType(type)).map((type) => `accepts: there is no event type "${type}"`),
    ),
    ...events.filter(([type]) => !eventTypeName.test(type)).map(([type]) => `"${type}" cannot name an event type`),
    ...events.flatMap(([type, event]) => eventMistakes(event).map((mistake) => `${type}: ${mistake}`)),
  ];
}

/** @throws TypeError with all mistakes of a model. */
export function assertSound(model: AnyModel): void {
  const mistakes = mistakesIn(model);
  if (mistakes.length > 0) throw new TypeError([`the model ${model.name} has mistakes:`, ...mistakes].join("\n  "));
}

function versionMistakes(version: number): string[] {
  return Number.isInteger(version) && version >= 1 ? [] : ["version must be an integer from 1 on"];
}

function initialStateMistakes({ initialState }: AnyModel): string[] {
  const [state, again] = [initialState() as unknown, initialState() as unknown];
  if (typeof state !== "object" || state === null) return ["initialState: a state is an object or an array"];
  const lost = unsendableIn(state).map(({ field, message }) => `initialState: ${field || "the state"}: ${message}`);
  if (lost.length > 0) return lost;
  const shared = sharedPath(state, again);
  if (shared)
    return [`initialState: ${formatPath(shared) || "the state"} is the same object each time: make a new one`];
  return JSON.stringify(state) === JSON.stringify(again) ? [] : ["initialState: it is another state each time"];
}

/** The path of an object that both have. */
function sharedPath(one: unknown, other: unknown): PropertyKey[] | undefined {
  if (typeof one !== "object" || one === null || typeof other !== "object" || other === null) return undefined;
  if (one === other) return [];
  for (const [key, member] of Object.entries(one)) {
    const path = sharedPath(member, (other as Record<string, unknown>)[key]);
    if (path) return [key, ...path];
  }
  return undefined;
}

function eventMistakes(event: EventDefinition<object, z.core.$ZodType>): string[] {
  const { payload, olderPayloads = {}, upcast = {}, version = 1, conflict, transform } = event;
  let upcasted = 1;
  while (upcast[upcasted]) upcasted++;
  return [
    ...versionMistakes(version),
    ...(upcasted < version ? [`no upcaster from version ${upcasted}`] : []),
    ...((conflict === "transform") === (transform !== undefined)
      ? []
      : ['conflict "transform" and transform go together']),
    ...Object.keys(olderPayloads)
      .filter((older) => !upcast[Number(older)] || Number(older) >= version)
      .map((older) => `olderPayloads[${older}]: no upcaster from version ${older}`),
    ...payloadMistakes(payload),
    ...Object.entries(olderPayloads).flatMap(([older, schema]) =>
      payloadMistakes(schema).map((mistake) => `olderPayloads[${older}]: ${mistake}`),
    ),
    ...Object.keys(upcast)
      .filter((from) => Number(from) >= version)
      .map((from) => `there is an upcaster from version ${from}, and the present version is ${version}`),
    ...asyncIn(upcast, Object.keys(upcast), "in upcast"),
    ...asyncIn(event, ["validate", "reduce", "compensate", "entity"], "of the event"),
  ];
}

/** Its result would be a promise, which is neither undefined nor a list of objections. */
function asyncIn(owner: object, names: readonly string[], where: string): string[] {
  return names
    .filter((name) => (owner as Record<string, unknown>)[name]?.constructor.name === "AsyncFunction")
    .map((name) => `${name} ${where} is async: a model does not wait`);
}

function payloadMistakes(schema: z.core.$ZodType): string[] {
  const { type } = definitionOf(schema);
  if (notObject.has(type)) return [`a payload is an object, and not what z.${type}() accepts`];
  return schemaMistakes(schema, ["payload"], new Set());
}

/** What is wrong in a schema and the schemas in it. `above`: those that were looked at. */
function schemaMistakes(schema: z.core.$ZodType, path: readonly PropertyKey[], seen: Set<unknown>): string[] {
  if (seen.has(schema)) return [];
  seen.add(schema);
  const definition = definitionOf(schema);
  const { type, coerce, checks = [], shape = {}, getter } = definition;
  const at = formatPath(path);
  const mistakes: string[] = [];
  const changes =
    changing[type] ??
    (coerce ? "converts it" : checks.some(({ _zod }) => _zod.def.check === "overwrite") ? "changes it" : undefined);
  if (changes) mistakes.push(`the schema of ${at} ${changes}: the payload is stored as it was submitted`);
  if (notJson.has(type)) mistakes.push(`no JSON value fits the schema of ${at}, z.${type}()`);
  const within = (part: unknown, ...more: PropertyKey[]): void => {
    if (isSchema(part)) mistakes.push(...schemaMistakes(part, [...path, ...more], seen));
  };
  for (const [key, member] of Object.entries(shape)) within(member, key);
  for (const [name, part] of Object.entries(definition)) {
    const more = name === "element" || name === "valueType" ? ["*"] : [];
    if (name !== "shape") for (const one of [part].flat()) within(one, ...more);
  }
  if (type === "lazy" && getter) within(getter());
  return mistakes;
}

function definitionOf(schema: z.core.$ZodType): SchemaDefinition {
  return schema._zod.def as unknown as SchemaDefinition;
}

function isSchema(part: unknown): part is z.core.$ZodType {
  return (
    typeof part === "object" &&
    part !== null &&
    "_zod" in part &&
    "def" in (part._zod as object) &&
    "run" in (part._zod as object)
  );
}
